"""Place a guest on the NUMA nodes of a host."""

from __future__ import annotations

import dataclasses
import functools

from nova_mini.numa import guest as policies
from nova_mini.numa.guest import GuestCell, GuestTopology
from nova_mini.numa.host import HostCell, HostTopology


@dataclasses.dataclass(frozen=True)
class Ratios:
    """How much more than it has a host may promise, of CPUs that guests share and of memory."""

    cpu: float = 1.0
    ram: float = 1.0


@functools.lru_cache(maxsize=8192)
def place(guest: GuestTopology, host: HostTopology, ratios: Ratios) -> GuestTopology | None:
    """The guest with a place for each of its cells, on a cell of the host of its own; None if it
    does not fit. The same arguments give the same places."""
    has_threads = host.has_threads
    if guest.own_cpus and not _permits_threads(guest.thread_policy, has_threads):
        return None
    options = [
        {
            each.id: placed
            for each in _emptiest_first(host)
            if (placed := _place_cell(guest, cell, each, ratios)) is not None
        }
        for cell in guest.cells
    ]
    chosen = _match([list(each) for each in options])
    if chosen is None:
        return None
    cells = tuple(options[number][host_cell] for number, host_cell in enumerate(chosen))
    return dataclasses.replace(guest, cells=cells)


def _permits_threads(policy: str, has_threads: bool) -> bool:
    """As Nova: ISOLATE is for hosts without threads, REQUIRE for hosts with them."""
    if policy == policies.ISOLATE:
        return not has_threads
    return policy != policies.REQUIRE or has_threads


def _emptiest_first(host: HostTopology) -> list[HostCell]:
    """Guests are spread over the cells."""

    def load(cell: HostCell) -> tuple[int, int, int, int]:
        return (len(cell.taken), cell.vcpus_used, cell.memory_used_mb, cell.id)

    return sorted(host.cells, key=load)


def _match(options: list[list[int]]) -> list[int] | None:
    """One of the options for each, all of them different; the earlier are preferred. None: there
    is no such choice. (A matching in a bipartite graph, by augmenting paths.)"""
    owner: dict[int, int] = {}

    def assign(number: int, visited: set[int]) -> bool:
        # One that is free; else one whose owner can take another.
        for option in sorted(options[number], key=lambda each: each in owner):
            if option in visited:
                continue
            visited.add(option)
            if option not in owner or assign(owner[option], visited):
                owner[option] = number
                return True
        return False

    if not all(assign(number, set()) for number in range(len(options))):
        return None
    chosen = {number: option for option, number in owner.items()}
    return [chosen[number] for number in range(len(options))]


def _place_cell(
    guest: GuestTopology, cell: GuestCell, host: HostCell, ratios: Ratios
) -> GuestCell | None:
    vcpus = len(cell.shared)
    if vcpus > len(host.shared) or host.vcpus_used + vcpus > len(host.shared) * ratios.cpu:
        return None
    page_kb = _page_size(guest.page_size, cell, host, ratios)
    if page_kb == 0:
        return None
    cpus = _choose_cpus(len(cell.dedicated), guest.thread_policy, host)
    if cpus is None:
        return None
    emulator_cpu = None
    if guest.emulator_threads == policies.ISOLATE and cell.id == 0:
        rest = sorted(host.free_cpus - set(cpus))
        if not rest:
            return None
        emulator_cpu = rest[0]
    return dataclasses.replace(
        cell,
        host_cell=host.id,
        pins=tuple(zip(sorted(cell.dedicated), cpus, strict=True)),
        emulator_cpu=emulator_cpu,
        page_kb=page_kb,
    )


def _page_size(
    requested: str | None, cell: GuestCell, host: HostCell, ratios: Ratios
) -> int | None:
    """The size of the pages in KiB; None if none is requested, 0 if the memory does not fit."""
    small_fits = host.memory_used_mb + cell.memory_mb <= host.memory_mb
    if requested is None:
        limit = host.memory_mb * ratios.ram
        fits = cell.memory_mb <= host.memory_mb and host.memory_used_mb + cell.memory_mb <= limit
        return None if fits else 0
    huge = (p for p in host.huge_pages if _holds(requested, p.size_kb))
    for pages in sorted(huge, key=lambda each: -each.size_kb):
        needed = pages.pages_for(cell.memory_mb)
        if needed is not None and needed <= pages.free:
            return pages.size_kb
    is_small = requested in (policies.SMALL, policies.ANY, str(host.page_kb))
    return host.page_kb if is_small and small_fits else 0


def _holds(requested: str, size_kb: int) -> bool:
    """Whether huge pages of this size are what is requested."""
    return requested in (policies.LARGE, policies.ANY, str(size_kb))


def _choose_cpus(count: int, policy: str, host: HostCell) -> list[int] | None:
    """``count`` free CPUs for one guest, threads of the same core together; None if there are not
    enough."""
    free = host.free_cpus
    in_cores = frozenset().union(*host.cores)
    cores = [core & free for core in host.cores]
    if policy == policies.REQUIRE:
        cores = [core for core in host.cores if core <= free]
        if any(count % len(core) for core in cores):
            return None
    else:
        cores += [frozenset({cpu}) for cpu in free - in_cores]
    cores.sort(key=lambda core: (-len(core), sorted(core)))
    cpus = [cpu for core in cores for cpu in sorted(core)]
    return cpus[:count] if len(cpus) >= count else None
