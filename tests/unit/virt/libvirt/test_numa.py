"""NUMA nodes: of the host as libvirt reports them, and of guests in their definitions."""

from __future__ import annotations

import dataclasses
import json

import pytest
from lxml import etree

from nova_mini import exception
from nova_mini.numa.fit import Ratios, place
from nova_mini.numa.host import HostCell, HostTopology, HugePages
from nova_mini.numa.request import topology_of
from nova_mini.virt import cpu_sets
from nova_mini.virt.libvirt import host_numa
from nova_mini.virt.libvirt.config_placement import Placement
from nova_mini.virt.libvirt.migration.copy_targets import Copies
from nova_mini.virt.libvirt.migration.definition import Destination, for_destination
from tests import servers
from tests.unit.virt.libvirt import test_guest_config

# Two nodes with two cores of two threads each.
CAPABILITIES = """<capabilities><host><topology><cells num='2'>
<cell id='0'><memory unit='KiB'>4194304</memory><pages unit='KiB' size='4'>524288</pages>
 <pages unit='KiB' size='2048'>1024</pages><pages unit='KiB' size='1048576'>0</pages>
 <cpus num='4'><cpu id='0' siblings='0,4'/><cpu id='1' siblings='1,5'/>
  <cpu id='4' siblings='0,4'/><cpu id='5' siblings='1,5'/></cpus></cell>
<cell id='1'><memory unit='KiB'>2097152</memory><pages unit='KiB' size='4'>524288</pages>
 <cpus num='4'><cpu id='2' siblings='2,6'/><cpu id='3' siblings='3,7'/>
  <cpu id='6' siblings='2,6'/><cpu id='7' siblings='3,7'/></cpus></cell>
</cells></topology></host></capabilities>"""
HOST = host_numa.parse(etree.fromstring(CAPABILITIES))


def test_nodes_of_the_host():
    first, second = HOST.cells
    assert (first.memory_mb, second.memory_mb) == (2048, 2048)
    assert first.huge_pages == (HugePages(2048, 1024), HugePages(1048576, 0))
    assert (first.shared, second.shared) == ({0, 1, 4, 5}, {2, 3, 6, 7})
    assert first.cores == ({0, 4}, {1, 5})
    assert HOST.has_threads


def test_a_host_without_reported_nodes():
    (cell,) = host_numa.parse(etree.fromstring("<capabilities><host/></capabilities>")).cells
    assert 0 in cell.shared
    assert cell.memory_mb == host_numa.total_memory_mb()


def test_wrong_sets_of_cpus_are_errors_of_the_configuration(override):
    override("cpu_shared_set", "0-99", "compute")
    with pytest.raises(exception.ConfigurationError):
        cpu_sets.apply(HOST)


@pytest.fixture
def domain(override, monkeypatch):
    """``domain(vcpus, memory_mb, **specs)``: the definition of a guest on this host."""
    override("cpu_shared_set", "0-3", "compute")
    override("cpu_dedicated_set", "4-7", "compute")
    capabilities = dataclasses.replace(test_guest_config.CAPABILITIES, numa=HOST)
    monkeypatch.setattr(test_guest_config, "CAPABILITIES", capabilities)

    def make(vcpus: int = 2, memory_mb: int = 64, **specs: str) -> etree._Element:
        extra_specs = {f"hw:{name}": value for name, value in specs.items()}
        guest = topology_of(extra_specs, {}, vcpus, memory_mb)
        placed = place(guest, cpu_sets.apply(HOST), Ratios()) if guest else None
        flavor = servers.make_flavor(vcpus=vcpus, memory_mb=memory_mb, extra_specs=extra_specs)
        numa = placed.to_dict() if placed else None
        return test_guest_config.domain(servers.make_instance(flavor, numa_topology=numa))

    return make


def pins(domain) -> dict[str, str]:
    return {each.get("vcpu"): each.get("cpuset") for each in domain.iterfind("cputune/vcpupin")}


def test_a_guest_without_nodes_runs_on_shared_cpus(domain):
    found = domain()
    assert found.find("vcpu").get("cpuset") == "0-3"
    assert found.find("numatune") is found.find("cpu/numa") is found.find("memoryBacking") is None


def test_a_guest_without_nodes_runs_on_all_cpus(domain, override):
    override("cpu_shared_set", None, "compute")
    override("cpu_dedicated_set", None, "compute")
    assert domain().find("vcpu").get("cpuset") is None


def test_nodes_of_a_guest(domain):
    found = domain(numa_nodes="2")
    assert pins(found) == {"0": "0-1", "1": "2-3"}
    assert found.find("cputune/emulatorpin").get("cpuset") == "0-3"
    assert found.find("numatune/memory").attrib == {"mode": "strict", "nodeset": "0-1"}
    nodes = [
        (each.get("cellid"), each.get("nodeset")) for each in found.iterfind("numatune/memnode")
    ]
    assert nodes == [("0", "0"), ("1", "1")]
    cells = [dict(each.attrib) for each in found.iterfind("cpu/numa/cell")]
    assert cells[1] == {"id": "1", "cpus": "1", "memory": "32768", "unit": "KiB"}
    assert found.find("vcpu").get("cpuset") is None


@pytest.mark.parametrize(
    ("specs", "expected", "emulator"),
    [
        ({"cpu_policy": "dedicated"}, {"0": "4", "1": "5"}, "4-5"),
        (
            {"cpu_policy": "dedicated", "emulator_threads_policy": "share"},
            {"0": "4", "1": "5"},
            "0-3",
        ),
        ({"cpu_policy": "mixed", "cpu_dedicated_mask": "1"}, {"0": "0-1", "1": "4"}, "0-1,4"),
    ],
)
def test_dedicated_cpus(domain, specs, expected, emulator):
    found = domain(**specs)
    assert pins(found) == expected
    assert found.find("cputune/emulatorpin").get("cpuset") == emulator


def test_a_cpu_for_the_hypervisor(domain):
    found = domain(vcpus=1, cpu_policy="dedicated", emulator_threads_policy="isolate")
    assert pins(found) == {"0": "4"}
    assert found.find("cputune/emulatorpin").get("cpuset") == "5"


def test_huge_pages(domain):
    page = domain(mem_page_size="2MB").find("memoryBacking/hugepages/page")
    assert dict(page.attrib) == {"size": "2048", "unit": "KiB", "nodeset": "0"}
    assert domain(mem_page_size="small").find("memoryBacking") is None


def test_limits_of_cpus_are_kept_beside_pins(domain):
    instance = servers.make_instance(
        servers.make_flavor(extra_specs={"quota:cpu_shares": "7"}),
        numa_topology=place(
            topology_of({"hw:numa_nodes": "1"}, {}, 1, 96), cpu_sets.apply(HOST), Ratios()
        ).to_dict(),
    )
    tune = test_guest_config.domain(instance).findall("cputune")
    assert [[child.tag for child in each] for each in tune] == [
        ["shares", "vcpupin", "emulatorpin"]
    ]


def test_the_destination_of_a_live_migration_places_the_guest(domain):
    """What the guest sees stays; the host's CPUs and nodes change."""
    xml = etree.tostring(domain(numa_nodes="2", cpu_policy="dedicated"), encoding="unicode")
    cells = tuple(HostCell(n, 4096, frozenset({n + 10}), frozenset({n + 20})) for n in (5, 6))
    guest = topology_of({"hw:numa_nodes": "2", "hw:cpu_policy": "dedicated"}, {}, 2, 64)
    there = HostTopology(cells)
    placement = Placement.of(place(guest, there, Ratios()), there, is_restricted=True)
    destination = Destination("qemu", "tcp", "/i", {}, {}, copies=Copies(), placement=placement)
    stored = json.loads(json.dumps(destination.to_dict()))
    assert Destination.from_dict(stored).placement == placement
    found = etree.fromstring(for_destination(xml, "/i", Destination.from_dict(stored)))
    assert pins(found) == {"0": "25", "1": "26"}
    assert len(found.findall("numatune")) == 1
    assert [each.get("nodeset") for each in found.iterfind("numatune/memnode")] == ["5", "6"]
    assert len(found.findall("cpu/numa/cell")) == 2
    without = {name: value for name, value in stored.items() if name != "placement"}
    assert for_destination(xml, "/i", Destination.from_dict(without)) == xml
