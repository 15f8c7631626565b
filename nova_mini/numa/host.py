"""The NUMA topology of a host, with what guests use of it."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable

from nova_mini.numa import cpu_sets
from nova_mini.numa.guest import GuestCell, GuestTopology


@dataclasses.dataclass(frozen=True)
class HugePages:
    """The huge pages of one size, in KiB, of one cell."""

    size_kb: int
    total: int
    used: int = 0

    @property
    def free(self) -> int:
        return self.total - self.used

    def pages_for(self, memory_mb: int) -> int | None:
        """None if the memory is not a whole number of pages."""
        pages, rest = divmod(memory_mb * 1024, self.size_kb)
        return None if rest else pages


@dataclasses.dataclass(frozen=True)
class HostCell:
    """A NUMA node of a host. ``shared``: CPUs that guests share; ``dedicated``: CPUs of which a
    guest may get some for itself. ``cores``: the sets of CPUs that are threads of one core, only
    of cores with several threads. ``memory_mb``: without the huge pages.

    The last fields are what guests with a topology use: ``memory_used_mb`` without huge pages,
    ``vcpus_used`` of the shared CPUs, and ``taken``, CPUs that belong to one guest.
    """

    id: int
    memory_mb: int
    shared: frozenset[int]
    dedicated: frozenset[int] = frozenset()
    cores: tuple[frozenset[int], ...] = ()
    page_kb: int = 4
    huge_pages: tuple[HugePages, ...] = ()
    memory_used_mb: int = 0
    vcpus_used: int = 0
    taken: frozenset[int] = frozenset()

    @property
    def free_cpus(self) -> frozenset[int]:
        return self.dedicated - self.taken

    def with_guest(self, cell: GuestCell) -> HostCell:
        """The cell when the guest's cell is on it, too."""
        pages = tuple(_with_memory(each, cell) for each in self.huge_pages)
        in_huge_pages = any(each.size_kb == cell.page_kb for each in self.huge_pages)
        return dataclasses.replace(
            self,
            huge_pages=pages,
            memory_used_mb=self.memory_used_mb + (0 if in_huge_pages else cell.memory_mb),
            vcpus_used=self.vcpus_used + len(cell.shared),
            taken=self.taken | cell.own_cpus,
        )


def _with_memory(pages: HugePages, cell: GuestCell) -> HugePages:
    if pages.size_kb != cell.page_kb:
        return pages
    used = -(-cell.memory_mb * 1024 // pages.size_kb)
    return dataclasses.replace(pages, used=pages.used + used)


@dataclasses.dataclass(frozen=True)
class HostTopology:
    cells: tuple[HostCell, ...]

    @property
    def has_threads(self) -> bool:
        """Whether cores have several threads (SMT)."""
        return any(len(core) > 1 for cell in self.cells for core in cell.cores)

    @property
    def shared(self) -> frozenset[int]:
        return frozenset().union(*(cell.shared for cell in self.cells))

    @property
    def dedicated(self) -> frozenset[int]:
        return frozenset().union(*(cell.dedicated for cell in self.cells))

    def with_guests(self, guests: Iterable[GuestTopology]) -> HostTopology:
        """The topology when these placed guests are on it, too. A cell that the host has not any
        more is ignored: its guest cannot start here again."""
        cells = {cell.id: cell for cell in self.cells}
        for guest in guests:
            for each in guest.cells:
                if each.host_cell in cells:
                    cells[each.host_cell] = cells[each.host_cell].with_guest(each)
        return HostTopology(tuple(cells.values()))

    def with_cpu_sets(self, shared: str | None, dedicated: str | None) -> HostTopology:
        """With the CPUs that the options ``cpu_shared_set`` and ``cpu_dedicated_set`` name, None if
        they are not set. Raises ValueError."""
        present = self.shared | self.dedicated
        own = _named(dedicated, present, "cpu_dedicated_set")
        if shared is not None:
            common = _named(shared, present, "cpu_shared_set")
        else:
            common = frozenset() if own else present
        if both := own & common:
            cpus = cpu_sets.to_text(both)
            raise ValueError(f"CPUs {cpus} are in cpu_shared_set and in cpu_dedicated_set")
        cells = (
            dataclasses.replace(
                cell,
                shared=(cell.shared | cell.dedicated) & common,
                dedicated=(cell.shared | cell.dedicated) & own,
            )
            for cell in self.cells
        )
        return HostTopology(tuple(cells))

    def to_json(self) -> str:
        return json.dumps([_to_dict(cell) for cell in self.cells], sort_keys=True)


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> HostTopology:
    """The inverse of :meth:`HostTopology.to_json`. Equal hosts are parsed once."""
    return HostTopology(tuple(_from_dict(each) for each in json.loads(text)))


def _named(text: str | None, present: frozenset[int], option: str) -> frozenset[int]:
    if text is None:
        return frozenset()
    named = cpu_sets.parse(text)
    if absent := named - present:
        raise ValueError(f"{option}: the host has no CPUs {cpu_sets.to_text(absent)}")
    return named


_CPU_FIELDS = ("shared", "dedicated", "taken")


def _to_dict(cell: HostCell) -> dict:
    stored = dataclasses.asdict(cell)
    for name in _CPU_FIELDS:
        stored[name] = cpu_sets.to_text(stored[name])
    stored["cores"] = [cpu_sets.to_text(core) for core in cell.cores]
    return stored


def _from_dict(stored: dict) -> HostCell:
    sets = {name: cpu_sets.parse(stored[name]) for name in _CPU_FIELDS}
    cores = tuple(cpu_sets.parse(core) for core in stored["cores"])
    pages = tuple(HugePages(**each) for each in stored["huge_pages"])
    return HostCell(**{**stored, **sets, "cores": cores, "huge_pages": pages})
