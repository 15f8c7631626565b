"""Where the CPUs and the memory of a guest are on its host, and its own NUMA nodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Self

from lxml import etree

from nova_mini.numa import cpu_sets
from nova_mini.numa import guest as policies
from nova_mini.numa.guest import GuestTopology
from nova_mini.numa.host import HostTopology
from nova_mini.virt.libvirt.config_devices import element


@dataclasses.dataclass(frozen=True)
class Placement:
    """What is different on each host. ``cpuset``: CPUs for all threads of the guest; None: all.
    ``vcpus``: pairs of a vCPU and its CPUs; ``emulator``: the CPUs for the hypervisor's own
    threads. ``memory``: pairs of a node of the guest and one of the host."""

    cpuset: str | None = None
    vcpus: tuple[tuple[int, str], ...] = ()
    emulator: str | None = None
    memory: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, guest: GuestTopology | None, host: HostTopology, is_restricted: bool) -> Self:
        """``is_restricted``: whether the administrator has named the CPUs that guests share."""
        if guest is None:
            shared = cpu_sets.to_text(host.shared)
            return cls(cpuset=shared if is_restricted and shared else None)
        shared_by_cell = {cell.id: cell.shared for cell in host.cells}
        vcpus: dict[int, frozenset[int]] = {}
        for cell in guest.cells:
            common = shared_by_cell.get(cell.host_cell or 0, frozenset())
            vcpus |= dict.fromkeys(cell.shared, common)
            vcpus |= {vcpu: frozenset({cpu}) for vcpu, cpu in cell.pins}
        return cls(
            vcpus=tuple((vcpu, cpu_sets.to_text(vcpus[vcpu])) for vcpu in sorted(vcpus)),
            emulator=cpu_sets.to_text(_emulator_cpus(guest, host, vcpus.values(), is_restricted)),
            memory=tuple((cell.id, cell.host_cell or 0) for cell in guest.cells),
        )

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        pairs = {name: tuple(map(tuple, stored[name])) for name in ("vcpus", "memory")}
        return cls(**{**stored, **pairs})

    def change(self, domain: etree._Element) -> None:
        """Write it into a definition, in place of that of another host."""
        vcpu = domain.find("vcpu")
        vcpu.attrib.pop("cpuset", None)
        if self.cpuset:
            vcpu.set("cpuset", self.cpuset)
        for path in ("cputune/vcpupin", "cputune/emulatorpin", "numatune"):
            for old in domain.findall(path):
                old.getparent().remove(old)
        tune = domain.find("cputune")
        if self.vcpus and tune is None:
            tune = etree.SubElement(domain, "cputune")
        if tune is not None:
            tune.extend(self.pins())
        if self.memory:
            domain.append(self.numatune())

    def pins(self) -> list[etree._Element]:
        """The elements in ``cputune``."""
        found = [element("vcpupin", vcpu=vcpu, cpuset=cpus) for vcpu, cpus in self.vcpus]
        if self.emulator:
            found.append(element("emulatorpin", cpuset=self.emulator))
        return found

    def numatune(self) -> etree._Element:
        tune = element("numatune")
        nodes = cpu_sets.to_text(node for _cell, node in self.memory)
        tune.append(element("memory", mode="strict", nodeset=nodes))
        for cell, node in self.memory:
            tune.append(element("memnode", cellid=cell, mode="strict", nodeset=node))
        return tune


def _emulator_cpus(
    guest: GuestTopology,
    host: HostTopology,
    of_vcpus: Iterable[frozenset[int]],
    is_restricted: bool,
) -> frozenset[int]:
    own = [cell.emulator_cpu for cell in guest.cells if cell.emulator_cpu is not None]
    if own:
        return frozenset(own)
    if guest.emulator_threads == policies.SHARE and is_restricted and host.shared:
        return host.shared
    return frozenset().union(*of_vcpus)


def cells_of(guest: GuestTopology) -> etree._Element:
    """The element in ``cpu``: what the guest sees."""
    numa = element("numa")
    for cell in guest.cells:
        memory = cell.memory_mb * 1024
        cpus = cpu_sets.to_text(cell.cpus)
        numa.append(element("cell", id=cell.id, cpus=cpus, memory=memory, unit="KiB"))
    return numa


def memory_backing(guest: GuestTopology, host: HostTopology) -> etree._Element | None:
    """None if no cell is in huge pages."""
    small = {cell.id: cell.page_kb for cell in host.cells}
    by_size: dict[int, list[int]] = {}
    for cell in guest.cells:
        if cell.page_kb is not None and cell.page_kb != small.get(cell.host_cell or 0):
            by_size.setdefault(cell.page_kb, []).append(cell.id)
    if not by_size:
        return None
    pages = element("hugepages")
    for size_kb, cells in sorted(by_size.items()):
        nodes = cpu_sets.to_text(cells)
        pages.append(element("page", size=size_kb, unit="KiB", nodeset=nodes))
    backing = element("memoryBacking")
    backing.append(pages)
    return backing
