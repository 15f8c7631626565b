"""The NUMA nodes of a host of the fake driver, as ``[fake]`` describes them."""

from __future__ import annotations

from nova_mini.conf import CONF
from nova_mini.numa.host import HostCell, HostTopology, HugePages
from nova_mini.virt import cpu_sets


def of_configuration() -> HostTopology:
    """Raises ConfigurationError."""
    nodes = CONF.fake.numa_nodes
    pages = [HugePages(int(size), int(total)) for size, total in CONF.fake.huge_pages.items()]
    in_pages = sum(each.size_kb * each.total for each in pages) // 1024
    each = CONF.fake.vcpus // nodes
    cells = [
        HostCell(
            id=number,
            memory_mb=CONF.fake.memory_mb // nodes - in_pages,
            shared=frozenset(range(number * each, (number + 1) * each)),
            cores=_cores(number * each, each, CONF.fake.threads_per_core),
            huge_pages=tuple(pages),
        )
        for number in range(nodes)
    ]
    return cpu_sets.apply(HostTopology(tuple(cells)))


def _cores(first: int, count: int, threads: int) -> tuple[frozenset[int], ...]:
    """Only of cores with several threads."""
    if threads == 1:
        return ()
    last = first + count
    return tuple(
        frozenset(range(cpu, min(cpu + threads, last))) for cpu in range(first, last, threads)
    )
