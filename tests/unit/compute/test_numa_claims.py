"""CPUs, NUMA nodes and huge pages of a host: claimed, kept, released and reported."""

from __future__ import annotations

import dataclasses
import threading
import uuid

import pytest

from nova_mini import exception
from nova_mini.compute.host import resource_tracker
from nova_mini.context import get_admin_context
from nova_mini.db import compute_nodes
from nova_mini.numa.host import HostCell, HostTopology, HugePages, parse
from nova_mini.objects.migration import NEW, OLD, Migration
from tests.servers import make_flavor, make_instance
from tests.unit.compute.test_resource_tracker import HOST, Driver

PINNED = {"hw:cpu_policy": "dedicated"}


def host_with(cpus: int = 4) -> HostTopology:
    half = cpus // 2
    cells = (
        HostCell(0, 1024, frozenset(range(half)), huge_pages=(HugePages(2048, 64),)),
        HostCell(1, 1024, frozenset(range(half, cpus))),
    )
    return HostTopology(cells).with_cpu_sets("0", f"1-{cpus - 1}")


@pytest.fixture
def driver(database) -> Driver:
    made = Driver()
    made.change(numa=host_with())
    return made


@pytest.fixture
def tracker(driver) -> resource_tracker.ResourceTracker:
    made = resource_tracker.ResourceTracker(HOST, driver)
    made.init_host()
    return made


def server(vcpus: int = 1, **specs: str):
    flavor = make_flavor(vcpus=vcpus, memory_mb=64, extra_specs=specs or PINNED)
    return make_instance(flavor, host=None, node=None)


def cpus_of(numa) -> list[int]:
    return [cpu for cell in numa.cells for _vcpu, cpu in cell.pins]


def reported() -> HostTopology:
    return parse(compute_nodes.get_by_host(HOST)["numa_topology"])


def test_a_cpu_belongs_to_one_server(tracker):
    taken = [cpus_of(tracker._take(server())) for _ in range(3)]
    assert sorted(taken) == [[1], [2], [3]]
    with pytest.raises(exception.ComputeResourcesUnavailable, match="NUMA"):
        tracker._take(server())


def test_concurrent_claims_never_share_a_cpu(driver):
    """The schedulers may send more servers than the host has CPUs for."""
    driver.change(numa=host_with(32), vcpus=32, memory_mb=8192, local_gb=100)
    tracker = resource_tracker.ResourceTracker(HOST, driver)
    tracker.init_host()
    taken, refused = [], []
    start = threading.Barrier(8)

    def claim():
        start.wait()
        for _ in range(5):
            try:
                taken.extend(cpus_of(tracker._take_within_limits(*server_and_flavor()).numa))
            except exception.ComputeResourcesUnavailable as exc:
                refused.append(exc)

    def server_and_flavor():
        one = server()
        return one, one.flavor

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 32))
    assert len(refused) == 40 - 31


def test_use_is_reported_at_once(tracker):
    one = server(2)
    numa = tracker._take(one)
    (cell,) = [each for each in reported().cells if each.taken]
    assert cell.taken == {2, 3} == set(cpus_of(numa))
    tracker.release(one.uuid)
    assert not any(each.taken for each in reported().cells)


def test_pinned_servers_take_no_shared_cpus(driver):
    driver.change(vcpus=1)
    tracker = resource_tracker.ResourceTracker(HOST, driver)
    tracker.init_host()
    tracker._take(server(2))
    assert tracker._take(make_instance(make_flavor(vcpus=4))) is None  # 1 CPU, ratio 4


def test_an_attempt_that_is_repeated_keeps_its_cpus(tracker):
    """Its guest may run on them already."""
    first, second = server(), server()
    tracker._take(first)
    before = tracker._take(second)
    tracker.release(first.uuid)
    assert tracker._take(second) == before


def test_cpus_are_kept_over_a_restart(driver, tracker, monkeypatch):
    one = server(**PINNED)
    numa = tracker._take(one)
    one.host, one.numa_topology = HOST, numa.to_dict()
    tracker = resource_tracker.ResourceTracker(HOST, driver)
    _serve(monkeypatch, [one])
    tracker.init_host()
    rest = [cpus_of(tracker._take(server())) for _ in range(2)]
    assert sorted([*rest, cpus_of(numa)]) == [[1], [2], [3]]


def _serve(monkeypatch, instances):
    """The records of a database, of a host that starts."""
    listed = resource_tracker.InstanceList
    monkeypatch.setattr(listed, "get_by_host", lambda context, host: instances)


def test_huge_pages(tracker):
    wanted = {"hw:mem_page_size": "large"}
    numa = tracker._take(server(1, **wanted))
    assert (numa.cells[0].page_kb, numa.cells[0].host_cell) == (2048, 0)
    assert reported().cells[0].huge_pages[0].used == 32
    # The shared CPU of the node is overcommitted; its pages are not.
    tracker._take(server(1, **wanted))
    with pytest.raises(exception.ComputeResourcesUnavailable):
        tracker._take(server(1, **wanted))


def test_a_resize_here_holds_both_topologies(tracker):
    one = server()
    one.host = HOST
    one.numa_topology = tracker._take(one).to_dict()
    tracker._take(server())
    new_flavor = make_flavor(id=2, flavorid="2", extra_specs=PINNED, memory_mb=64)
    migration = Migration(
        get_admin_context(),
        uuid=str(uuid.uuid4()),
        instance_uuid=one.uuid,
        migration_type="resize",
        source_compute=HOST,
        dest_compute=HOST,
        old_flavor=one.flavor,
        new_flavor=new_flavor,
    )
    tracker.resize_claim(one, migration)
    ends = [migration.topology_at(end)["cells"][0]["pins"] for end in (OLD, NEW)]
    assert ends[0] != ends[1]
    with pytest.raises(exception.ComputeResourcesUnavailable):
        tracker._take(server())
    tracker.release(migration.uuid)
    assert cpus_of(tracker._take(server())) == [ends[0][0][1]]


def test_a_host_without_numa_nodes_refuses(driver):
    driver.change(numa=None)
    tracker = resource_tracker.ResourceTracker(HOST, driver)
    tracker.init_host()
    with pytest.raises(exception.ComputeResourcesUnavailable, match="NUMA"):
        tracker._take(server())


def test_a_running_guest_needs_pages_of_its_size(driver, tracker):
    """In a live migration; the claim is released again."""
    one = server(1, **{"hw:mem_page_size": "any"})
    huge = tracker._take(one)
    one.numa_topology = huge.to_dict()
    tracker.release(one.uuid)
    cells = tuple(dataclasses.replace(cell, huge_pages=()) for cell in host_with().cells)
    driver.change(numa=HostTopology(cells))
    tracker.update_available_resource()
    migration = Migration(
        get_admin_context(),
        uuid=str(uuid.uuid4()),
        instance_uuid=one.uuid,
        migration_type="live-migration",
        source_compute="other",
        dest_compute=HOST,
        old_flavor=one.flavor,
        new_flavor=one.flavor,
    )
    with pytest.raises(exception.ComputeResourcesUnavailable, match="pages"):
        tracker.resize_claim(one, migration)
    assert not any(cell.memory_used_mb for cell in reported().cells)
