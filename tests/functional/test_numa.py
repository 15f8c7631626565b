"""Guests with NUMA nodes, CPUs of their own and huge pages, on hosts of the fake driver.

Each host has two nodes: CPUs 0-3 and 4-7, of which 0 and 4 are shared, and 64 huge pages each. The
oracle checks after each test that no CPU belongs to two servers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.waiting import until

HOSTS = ("c1", "c2")
DEDICATED = {1, 2, 3, 5, 6, 7}
PINNED = {"hw:cpu_policy": "dedicated"}
FLAVORS = {
    "nodes": (2, {"hw:numa_nodes": "2"}),
    "pinned": (3, PINNED),
    "pinned2": (2, PINNED),
    "paged": (1, {"hw:mem_page_size": "2MB"}),
}


@pytest.fixture(scope="module")
def cloud(engines, images, workspace) -> Iterator[Cloud]:
    options = {
        "fake": {"vcpus": 8, "memory_mb": 4096, "numa_nodes": 2, "huge_pages": "2048:64"},
        "compute": {"cpu_shared_set": "0,4", "cpu_dedicated_set": "1-3,5-7"},
    }
    directory = workspace / "numa"
    with clouds.running(engines, directory, images, computes=HOSTS, options=options) as running:
        yield running


@pytest.fixture(scope="module")
def catalog(cloud, images) -> dict[str, str]:
    made = make_catalog(cloud, images)
    for name, (vcpus, specs) in FLAVORS.items():
        flavor = {"name": name, "id": name, "vcpus": vcpus, "ram": 128, "disk": 1}
        cloud.admin.post("/flavors", {"flavor": flavor})
        cloud.admin.post(f"/flavors/{name}/os-extra_specs", {"extra_specs": specs})
    return made


def topology(client, server_id: str) -> dict:
    return client.get(f"/servers/{server_id}/topology")


def cpus(project, server_id: str) -> set[int]:
    nodes = topology(project.admin, server_id)["nodes"]
    return {cpu for node in nodes for cpu in node["cpu_pinning"].values()}


def cpus_of_guest(cloud, project, server_id: str) -> set[int]:
    """What the driver has given to the guest."""
    cells = cloud.guest(project.host_of(server_id), server_id)["numa"]["cells"]
    return {cpu for cell in cells for _vcpu, cpu in cell["pins"]}


def test_nodes(project):
    server_id = project.boot(flavorRef="nodes")
    found = topology(project.admin, server_id)
    assert found["pagesize_kb"] is None
    assert [node["vcpu_set"] for node in found["nodes"]] == [[0], [1]]
    assert sorted(node["host_node"] for node in found["nodes"]) == [0, 1]
    assert "host_node" not in topology(project.user, server_id)["nodes"][0]


def test_pages(project):
    first = project.boot(flavorRef="paged")
    assert topology(project.user, first)["pagesize_kb"] == 2048
    others = [project.create(flavorRef="paged") for _ in range(4)]  # a host has pages for two

    def ends() -> list[str]:
        return sorted(project.user.show(each)["status"] for each in others)

    until("they have ended", lambda: "BUILD" not in ends(), 30)
    assert ends() == ["ACTIVE"] * 3 + ["ERROR"]


def test_one_request_fills_both_hosts(cloud, project):
    """And the next one finds no place, until a server is deleted."""
    body = project.server(flavorRef="pinned", min_count=4)
    project.user.post("/servers", body, 202)
    ids = project.servers()
    for server_id in ids:
        project.user.wait_for(server_id, "ACTIVE")
    for host in HOSTS:
        here = [each for each in ids if project.host_of(each) == host]
        assert sorted(cpu for each in here for cpu in cpus(project, each)) == sorted(DEDICATED)
    refused = project.create(flavorRef="pinned")
    fault = project.user.wait_for(refused, "ERROR")["fault"]
    assert "No valid host was found" in fault["message"]
    project.user.delete(f"/servers/{ids[0]}")
    project.user.wait_gone(ids[0])
    project.boot(flavorRef="pinned")


def test_contradictions_are_bad_requests(cloud, project):
    specs = {"extra_specs": {"hw:numa_nodes": "2", "hw:numa_cpus.0": "0"}}
    cloud.admin.post(
        "/flavors", {"flavor": {"name": "x", "id": "x", "vcpus": 2, "ram": 64, "disk": 1}}
    )
    cloud.admin.post("/flavors/x/os-extra_specs", specs)
    answer = project.user.request("POST", "/servers", project.server(flavorRef="x"))
    assert answer.status_code == 400
    assert "hw:numa_nodes" in answer.text


def test_cpus_are_kept_over_reboots_and_restarts(cloud, project):
    server_id = project.boot(flavorRef="pinned2")
    before = cpus(project, server_id)
    assert cpus_of_guest(cloud, project, server_id) == before
    cloud.computes[project.host_of(server_id)].restart()
    project.user.act(server_id, "reboot", {"type": "HARD"})
    project.user.wait_for(server_id, "ACTIVE")
    others = [project.boot(flavorRef="pinned2") for _ in range(2)]
    assert cpus_of_guest(cloud, project, server_id) == before == cpus(project, server_id)
    assert others


def test_cold_migration_and_revert(cloud, project):
    other, server_id = project.boot(flavorRef="pinned2"), project.boot(flavorRef="pinned2")
    source, before = project.host_of(server_id), cpus(project, server_id)
    assert other
    project.admin.act(server_id, "migrate", None)
    project.user.wait_for(server_id, "VERIFY_RESIZE")
    assert project.host_of(server_id) != source
    assert cpus_of_guest(cloud, project, server_id) == cpus(project, server_id)
    project.user.act(server_id, "revertResize")
    project.user.wait_for(server_id, "ACTIVE")
    assert (project.host_of(server_id), cpus(project, server_id)) == (source, before)
    assert cpus_of_guest(cloud, project, server_id) == before


def test_a_resize_gives_and_takes_cpus(cloud, project):
    server_id = project.boot()
    project.user.act(server_id, "resize", {"flavorRef": "pinned"})
    project.user.wait_for(server_id, "VERIFY_RESIZE")
    assert len(cpus(project, server_id)) == 3
    project.user.act(server_id, "confirmResize", expect=204)
    project.user.wait_for(server_id, "ACTIVE")
    assert len(cpus_of_guest(cloud, project, server_id)) == 3


def test_shelve_and_unshelve(cloud, project):
    server_id = project.boot(flavorRef="pinned2")
    project.user.act(server_id, "shelve")
    project.user.wait_for(server_id, "SHELVED_OFFLOADED")
    assert topology(project.user, server_id)["nodes"] == []
    everything = [project.boot(flavorRef="pinned") for _ in range(3)]
    project.user.act(server_id, "unshelve")
    project.user.wait_for(server_id, "ACTIVE")
    assert len(cpus_of_guest(cloud, project, server_id)) == 2
    assert everything


def test_live_migration(cloud, project):
    server_id = project.boot(flavorRef="pinned2")
    source = project.host_of(server_id)
    (destination,) = set(HOSTS) - {source}
    kept = [project.boot(flavorRef="pinned2") for _ in range(2)]
    project.admin.act(server_id, "os-migrateLive", {"host": None, "block_migration": "auto"})
    until("it has moved", lambda: project.host_of(server_id) == destination, 30)
    project.user.wait_for(server_id, "ACTIVE")
    assert cpus_of_guest(cloud, project, server_id) == cpus(project, server_id)
    assert kept


def test_a_live_migration_that_fails(cloud, project):
    server_id = project.boot(flavorRef="pinned2", metadata={"fake:fail_live_migration": "1"})
    before = (project.host_of(server_id), cpus(project, server_id))
    project.admin.act(server_id, "os-migrateLive", {"host": None, "block_migration": "auto"})
    until(
        "it has ended", lambda: project.admin.show(server_id)["OS-EXT-STS:task_state"] is None, 30
    )
    assert (project.host_of(server_id), cpus(project, server_id)) == before
    for _ in range(2):  # the destination has released its CPUs: it has place for three
        project.boot(flavorRef="pinned")
