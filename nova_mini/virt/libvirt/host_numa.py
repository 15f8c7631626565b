"""The NUMA nodes of this host, as libvirt reports them."""

from __future__ import annotations

import dataclasses
import os
import pathlib

from lxml import etree

from nova_mini.numa import cpu_sets
from nova_mini.numa.host import HostCell, HostTopology, HugePages

_SMALL_PAGE_KB = 4


def parse(capabilities: etree._Element) -> HostTopology:
    """All CPUs are shared: the options of the administrator are not applied."""
    found = capabilities.findall("host/topology/cells/cell")
    cells = [_cell(each) for each in found]
    if not cells:
        every = frozenset(range(os.cpu_count() or 1))
        cells = [HostCell(0, total_memory_mb(), every)]
    if len(cells) == 1:
        # The kernel's number is right, also in a virtual machine whose memory grows on demand.
        (only,) = cells
        huge = sum(each.size_kb * each.total for each in only.huge_pages) // 1024
        cells = [dataclasses.replace(only, memory_mb=total_memory_mb() - huge)]
    return HostTopology(tuple(cells))


def _cell(node: etree._Element) -> HostCell:
    sizes = {int(each.get("size")): int(each.text or 0) for each in node.findall("pages")}
    small = min(sizes, default=_SMALL_PAGE_KB)
    pages = tuple(HugePages(size, sizes[size]) for size in sorted(sizes) if size != small)
    cpus = node.findall("cpus/cpu")
    siblings = {each.get("siblings") or each.get("id") for each in cpus}
    cores = (cpu_sets.parse(text) for text in siblings)
    return HostCell(
        id=int(node.get("id")),
        memory_mb=int(node.findtext("memory") or 0) // 1024
        - sum(each.size_kb * each.total for each in pages) // 1024,
        shared=frozenset(int(each.get("id")) for each in cpus),
        cores=tuple(sorted((core for core in cores if len(core) > 1), key=sorted)),
        page_kb=small,
        huge_pages=pages,
    )


def total_memory_mb() -> int:
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("MemTotal:"))
    return int(kibibytes) // 1024
