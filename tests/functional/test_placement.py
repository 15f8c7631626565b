"""The choice of a host for a server, and the faults when there is no suitable host."""

from __future__ import annotations

import pytest

from tests.functional.harness.waiting import until

FAIL_ON = "fake:fail_spawn_on"


def test_an_administrator_names_the_host(project):
    for host in ("c1", "c2"):
        server_id = project.admin.post(
            "/servers", project.server(availability_zone=f"nova:{host}"), 202
        )["server"]["id"]
        project.user.wait_for(server_id, "ACTIVE")
        assert project.host_of(server_id) == host


def test_a_member_may_not_name_the_host(project):
    body = project.server(availability_zone="nova:c1")
    assert project.user.request("POST", "/servers", body).status_code == 403


def test_servers_are_spread_over_the_hosts(project):
    hosts = {project.host_of(project.boot()) for _ in range(2)}
    assert hosts == {"c1", "c2"}


def test_servers_apart_and_together(project):
    first = project.boot()

    def host_with_hint(hint: str) -> str:
        hinted = {**project.server(), "os:scheduler_hints": {hint: [first]}}
        server_id = project.user.post("/servers", hinted, 202)["server"]["id"]
        project.user.wait_for(server_id, "ACTIVE")
        return project.host_of(server_id)

    assert host_with_hint("different_host") != project.host_of(first)
    assert host_with_hint("same_host") == project.host_of(first)


def test_no_valid_host_is_a_fault_on_the_server(cloud, project):
    huge = {"name": "huge", "id": "huge", "vcpus": 1, "ram": 10_000_000, "disk": 1}
    cloud.admin.post("/flavors", {"flavor": huge})
    cloud.admin.put(f"/os-quota-sets/{project.id}", {"quota_set": {"ram": -1}})
    server_id = project.create(flavorRef="huge")
    server = project.user.wait_for(server_id, "ERROR")
    # The message names neither hosts, nor their number, nor filters.
    assert server["fault"]["message"] == (
        "No valid host was found. There are not enough hosts available."
    )
    assert server["fault"]["code"] == 500
    assert project.host_of(server_id) is None
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id)


def test_an_option_that_no_host_supports_is_named_in_the_fault(cloud, project):
    locked = {"name": "locked", "id": "locked", "vcpus": 1, "ram": 64, "disk": 1}
    cloud.admin.post("/flavors", {"flavor": locked})
    specs = {"extra_specs": {"hw:locked_memory": "yes"}}
    cloud.admin.post("/flavors/locked/os-extra_specs", specs)
    server = project.user.wait_for(project.create(flavorRef="locked"), "ERROR")
    assert "extra spec hw:locked_memory=yes" in server["fault"]["message"]


@pytest.mark.parametrize("bad", ["c1", "c2"])
def test_when_a_host_fails_the_next_one_builds(project, bad):
    ids = [project.create(metadata={FAIL_ON: bad}) for _ in range(2)]
    for server_id in ids:
        project.user.wait_for(server_id, "ACTIVE")
        assert project.host_of(server_id) != bad
    failed = [
        event
        for server_id in ids
        for event in project.events(server_id, "create")
        if event["result"] == "Error"
    ]
    assert all(event["host"] == bad for event in failed)


def test_when_every_host_fails_the_fault_has_the_reason(project):
    server_id = project.create(metadata={FAIL_ON: "*"})
    server = project.user.wait_for(server_id, "ERROR")
    message = server["fault"]["message"]
    assert "Exhausted all hosts" in message or "No valid host" in message
    assert "c1" not in message and "c2" not in message
    tried = {e["host"] for e in project.events(server_id, "create") if e["result"] == "Error"}
    assert {"c1", "c2"} <= tried


# -- services ------------------------------------------------------------------------------------


def _service(cloud, host: str) -> dict:
    found = cloud.admin.get(f"/os-services?host={host}&binary=nova-compute")["services"]
    return found[0]


@pytest.fixture
def changed_service(cloud):
    """``change(host, **fields)`` changes the compute service of a host for one test."""
    changed = []

    def change(host: str, **fields) -> None:
        service = _service(cloud, host)
        changed.append(service["id"])
        cloud.admin.put(f"/os-services/{service['id']}", fields)

    yield change
    for service_id in changed:
        as_it_was = {"status": "enabled", "forced_down": False}
        cloud.admin.put(f"/os-services/{service_id}", as_it_was)


@pytest.mark.parametrize(
    "fields", [{"status": "disabled", "disabled_reason": "broken"}, {"forced_down": True}]
)
def test_a_host_that_is_disabled_or_down_gets_no_servers(project, changed_service, fields):
    changed_service("c1", **fields)
    assert {project.host_of(project.boot()) for _ in range(3)} == {"c2"}


def test_no_host_is_left(project, changed_service):
    changed_service("c1", status="disabled")
    changed_service("c2", status="disabled")
    server = project.user.wait_for(project.create(), "ERROR")
    assert "No valid host" in server["fault"]["message"]


def test_the_services_are_listed(cloud):
    services = cloud.admin.get("/os-services")["services"]
    seen = {(service["binary"], service["host"]): service["state"] for service in services}
    for key in (
        ("nova-conductor", "control"),
        ("nova-scheduler", "control"),
        ("nova-compute", "c1"),
        ("nova-compute", "c2"),
    ):
        assert seen[key] == "up"


def test_a_service_that_is_silent_is_down_and_comes_back(cloud):
    compute = cloud.computes["c2"]
    compute.pause()
    try:
        until("c2 is down", lambda: _service(cloud, "c2")["state"] == "down", 20)
    finally:
        compute.go_on()
    until("c2 is up", lambda: _service(cloud, "c2")["state"] == "up", 20)


def test_the_hypervisors_are_listed(cloud, project):
    server_id = project.boot()
    hypervisors = cloud.admin.get("/os-hypervisors/detail?with_servers=true")["hypervisors"]
    by_host = {hypervisor["service"]["host"]: hypervisor for hypervisor in hypervisors}
    assert by_host.keys() == {"c1", "c2"}
    there = by_host[project.host_of(server_id)]
    assert server_id in [server["uuid"] for server in there["servers"]]
    assert there["hypervisor_type"] == "fake"


def test_the_zones_are_listed(cloud, project):
    zones = project.user.get("/os-availability-zone")["availabilityZoneInfo"]
    assert {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None} in zones
