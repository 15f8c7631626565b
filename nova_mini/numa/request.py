"""Read from a flavor and an image which NUMA topology a guest requests."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from nova_mini.numa import cpu_sets
from nova_mini.numa.guest import (
    ANY,
    ISOLATE,
    LARGE,
    PREFER,
    SMALL,
    GuestCell,
    GuestTopology,
)

SHARED, DEDICATED, MIXED = "shared", "dedicated", "mixed"  # policies of CPUs

_SIZE = re.compile(r"(\d+)\s*([kKMGT]?)(i?)(b|bit|B)?", re.ASCII)
_UNITS = {"": 0, "k": 0, "K": 0, "M": 1, "G": 2, "T": 3}
_MOST_CELLS = 128


class InvalidTopology(ValueError):
    """``key``: the extra spec or the image property at fault; ``is_of_image``: which of them."""

    def __init__(self, key: str, reason: str, is_of_image: bool = False):
        super().__init__(reason)
        self.key = key
        self.is_of_image = is_of_image


@dataclasses.dataclass(frozen=True)
class _Specs:
    """The values of a flavor, and of its image."""

    flavor: Mapping[str, str]
    image: Mapping[str, str]

    def of_flavor(self, name: str) -> str | None:
        return self.flavor.get(f"hw:{name}")

    def of_image(self, name: str) -> str | None:
        return self.image.get(f"hw_{name}")

    def one_of(self, name: str) -> str | None:
        """Raises InvalidTopology if both have a value: the image cannot change the flavor's."""
        flavor, image = self.of_flavor(name), self.of_image(name)
        if flavor is not None and image is not None:
            raise InvalidTopology(f"hw_{name}", f"the flavor has hw:{name}={flavor}", True)
        return image if flavor is None else flavor

    def error(self, name: str, reason: str) -> InvalidTopology:
        """About a value that only one of them has."""
        is_of_image = self.of_flavor(name) is None
        return InvalidTopology(f"hw_{name}" if is_of_image else f"hw:{name}", reason, is_of_image)


def topology_of(
    extra_specs: Mapping[str, str], image_properties: Mapping[str, str], vcpus: int, memory_mb: int
) -> GuestTopology | None:
    """What a guest requests; None if it may run on any CPUs and memory of a host. ``memory_mb`` in
    MiB. Raises InvalidTopology."""
    specs = _Specs(extra_specs, image_properties)
    nodes = specs.one_of("numa_nodes")
    policy = _cpu_policy(specs)
    page_size = _page_size(specs)
    dedicated = _dedicated_cpus(specs, policy, vcpus)
    thread_policy = _thread_policy(specs, policy)
    emulator_threads = _emulator_threads(specs, policy)
    if nodes is None and page_size is None and not dedicated:
        _refuse_cells_without_nodes(specs)
        return None
    cells = _cells(specs, _number(specs, "numa_nodes", nodes or "1"), vcpus, memory_mb)
    return GuestTopology(
        cells=tuple(dataclasses.replace(cell, dedicated=cell.cpus & dedicated) for cell in cells),
        thread_policy=thread_policy,
        emulator_threads=emulator_threads,
        page_size=page_size,
    )


def own_cpus(
    extra_specs: Mapping[str, str], image_properties: Mapping[str, str], vcpus: int
) -> tuple[int, int]:
    """How many CPUs a guest shares with others, and how many it needs for itself alone. Called with
    options that were checked before; a request that is invalid shares all."""
    specs = _Specs(extra_specs, image_properties)
    try:
        policy = _cpu_policy(specs)
        pinned = len(_dedicated_cpus(specs, policy, vcpus))
        emulator = _emulator_threads(specs, policy) == ISOLATE
    except InvalidTopology:
        return vcpus, 0
    return vcpus - pinned, pinned + emulator


# -- CPUs ------------------------------------------------------------------------------------------


def _cpu_policy(specs: _Specs) -> str:
    """A flavor's ``dedicated`` holds whatever the image has; otherwise an image cannot have another
    policy than its flavor."""
    flavor, image = specs.of_flavor("cpu_policy"), specs.of_image("cpu_policy")
    if flavor is None or flavor == image or image is None:
        return flavor or image or SHARED
    if flavor == DEDICATED and image != MIXED:
        return flavor
    raise InvalidTopology("hw_cpu_policy", f"the flavor has hw:cpu_policy={flavor}", True)


def _dedicated_cpus(specs: _Specs, policy: str, vcpus: int) -> frozenset[int]:
    everything = frozenset(range(vcpus))
    mask = specs.of_flavor("cpu_dedicated_mask")
    if policy == MIXED and mask is None:
        raise specs.error("cpu_policy", "it needs hw:cpu_dedicated_mask")
    if mask is None:
        return everything if policy == DEDICATED else frozenset()
    if policy != MIXED:
        raise specs.error("cpu_dedicated_mask", "it needs hw:cpu_policy=mixed")
    named = _cpus(specs, "cpu_dedicated_mask", mask)
    if mask.strip().startswith("^"):
        named = everything - cpu_sets.parse(mask.replace("^", ""))
    if not named or not named < everything:
        reason = f"it must name some of the {vcpus} vCPUs, and not all"
        raise specs.error("cpu_dedicated_mask", reason)
    return named


def _thread_policy(specs: _Specs, policy: str) -> str:
    flavor, image = specs.of_flavor("cpu_thread_policy"), specs.of_image("cpu_thread_policy")
    if flavor is not None and image is not None and flavor != image:
        reason = f"the flavor has hw:cpu_thread_policy={flavor}"
        raise InvalidTopology("hw_cpu_thread_policy", reason, True)
    found = flavor or image
    if found is not None and policy == SHARED:
        raise specs.error("cpu_thread_policy", "it needs hw:cpu_policy=dedicated")
    return found or PREFER


def _emulator_threads(specs: _Specs, policy: str) -> str | None:
    found = specs.of_flavor("emulator_threads_policy")
    if found == ISOLATE and policy == SHARED:
        raise specs.error("emulator_threads_policy", "it needs hw:cpu_policy=dedicated")
    return found


# -- memory ----------------------------------------------------------------------------------------


def _page_size(specs: _Specs) -> str | None:
    """An image may choose only if its flavor lets it: with ``any`` or ``large``."""
    flavor = _size(specs.of_flavor("mem_page_size"), "hw:mem_page_size", False)
    image = _size(specs.of_image("mem_page_size"), "hw_mem_page_size", True)
    if image is None:
        return flavor
    if flavor not in (ANY, LARGE):
        has = "no hw:mem_page_size" if flavor is None else f"hw:mem_page_size={flavor}"
        raise InvalidTopology("hw_mem_page_size", f"the flavor has {has}", True)
    return image


def _size(text: str | None, key: str, is_of_image: bool) -> str | None:
    """``2MB`` -> ``2048``."""
    if text is None or text in (SMALL, LARGE, ANY):
        return text
    match = _SIZE.fullmatch(text)
    kibibytes = int(match[1]) * 1024 ** _UNITS[match[2]] if match else 0
    if kibibytes == 0:
        raise InvalidTopology(key, "it is not a size of pages", is_of_image)
    return str(kibibytes)


# -- cells -----------------------------------------------------------------------------------------


def _cells(specs: _Specs, count: int, vcpus: int, memory_mb: int) -> list[GuestCell]:
    if not 1 <= count <= _MOST_CELLS:
        raise specs.error("numa_nodes", f"a guest has 1 to {_MOST_CELLS} nodes")
    cpus, memory = _by_cell(specs, "numa_cpus"), _by_cell(specs, "numa_mem")
    if not cpus and not memory:
        return _equal_cells(specs, count, vcpus, memory_mb)
    for given, name in ((cpus, "numa_cpus"), (memory, "numa_mem")):
        if set(given) != set(range(count)):
            example = f"hw:{name}.{min(set(range(count)) ^ set(given))}"
            reason = f"numa_cpus and numa_mem must be given for each node; see {example}"
            raise specs.error("numa_nodes", reason)
    cells = [
        GuestCell(
            number,
            _cpus(specs, f"numa_cpus.{number}", cpus[number]),
            _number(specs, f"numa_mem.{number}", memory[number]),
        )
        for number in range(count)
    ]
    _check_sums(specs, cells, vcpus, memory_mb)
    return cells


def _equal_cells(specs: _Specs, count: int, vcpus: int, memory_mb: int) -> list[GuestCell]:
    if vcpus % count or memory_mb % count:
        reason = f"{vcpus} vCPUs and {memory_mb} MiB cannot be divided into {count} equal nodes"
        raise specs.error("numa_nodes", reason)
    each = vcpus // count
    return [
        GuestCell(i, frozenset(range(i * each, (i + 1) * each)), memory_mb // count)
        for i in range(count)
    ]


def _check_sums(specs: _Specs, cells: list[GuestCell], vcpus: int, memory_mb: int) -> None:
    seen: set[int] = set()
    for cell in cells:
        name = f"numa_cpus.{cell.id}"
        if not cell.cpus:
            raise specs.error(name, "a node needs a vCPU")
        if max(cell.cpus) >= vcpus:
            raise specs.error(name, f"the flavor has the vCPUs 0 to {vcpus - 1}")
        if cell.cpus & seen:
            raise specs.error(name, "another node has one of these vCPUs")
        seen |= cell.cpus
    if len(seen) != vcpus:
        missing = cpu_sets.to_text(set(range(vcpus)) - seen)
        raise specs.error("numa_nodes", f"the vCPUs {missing} are on no node")
    if (total := sum(cell.memory_mb for cell in cells)) != memory_mb:
        reason = f"the nodes have {total} MiB, the flavor has {memory_mb}"
        raise specs.error("numa_mem.0", reason)


def _by_cell(specs: _Specs, name: str) -> dict[int, str]:
    """Number of the node -> value. Raises InvalidTopology if flavor and image have values."""
    flavor, image = _numbered(specs.flavor, f"hw:{name}."), _numbered(specs.image, f"hw_{name}.")
    if flavor and image:
        number = min(image)
        raise InvalidTopology(f"hw_{name}.{number}", f"the flavor has hw:{name}", True)
    return flavor or image


def _numbered(values: Mapping[str, str], prefix: str) -> dict[int, str]:
    found = {}
    for key, value in values.items():
        if key.startswith(prefix) and key.removeprefix(prefix).isdecimal():
            found[int(key.removeprefix(prefix))] = value
    return found


def _refuse_cells_without_nodes(specs: _Specs) -> None:
    for name in ("numa_cpus", "numa_mem"):
        for number in _by_cell(specs, name):
            raise specs.error(f"{name}.{number}", "it needs hw:numa_nodes")


def _cpus(specs: _Specs, name: str, text: str) -> frozenset[int]:
    try:
        return cpu_sets.parse(text)
    except ValueError as exc:
        raise specs.error(name, str(exc)) from exc


def _number(specs: _Specs, name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as exc:
        raise specs.error(name, "it is not a number") from exc
