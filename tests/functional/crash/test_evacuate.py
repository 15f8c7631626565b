"""A host dies, and its servers start on other hosts. Any process may die at any step of it.

The fence command of this cloud does what a switchable socket does: the guests of the host stop.
"""

from __future__ import annotations

import pathlib
import stat
import sys
from collections.abc import Iterator

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import oracle
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.guest_watch import never_twice
from tests.functional.harness.project import Project
from tests.functional.harness.waiting import until

HOSTS = ("e1", "e2", "e3")
SOURCE = HOSTS[0]
_SECONDS = 60
_FENCE_TIMEOUT = 10
_LEASE_SECONDS = 30  # of a dead conductor, with the time of the evacuation itself

# Stops the guests of the fake hypervisor of a host, unless it is told to fail, and writes down that
# it was called.
_FENCE = """#!{python}
import json, os, pathlib, sys
state = pathlib.Path({state!r})
with open(state / "fenced", "a") as log:
    print(sys.argv[1], file=log)
if status := int((state / "fence-status").read_text()):
    sys.exit(status)
for path in (state / "fake" / sys.argv[1]).glob("*.json"):
    guest = json.loads(path.read_text())
    guest["state"] = 4
    part = path.with_suffix(".fence")
    part.write_text(json.dumps(guest))
    os.replace(part, path)
"""


@pytest.fixture(scope="module")
def module_cloud(engines, images, workspace) -> Iterator[Cloud]:
    directory = workspace / "evacuate"
    command = directory / "fence"
    options = {
        "DEFAULT": {"service_down_time": 4},
        "conductor": {"fence_command": command, "fence_timeout": 10},
    }
    with clouds.running(engines, directory, images, computes=HOSTS, options=options) as running:
        command.write_text(_FENCE.format(python=sys.executable, state=str(running.state)))
        command.chmod(stat.S_IRWXU)
        yield running


@pytest.fixture(scope="module")
def catalog(module_cloud, images) -> dict[str, str]:
    return make_catalog(module_cloud, images)


@pytest.fixture
def cloud(module_cloud) -> Iterator[Cloud]:
    fence_status(module_cloud, 0)
    yield module_cloud
    module_cloud.repair()
    all_up(module_cloud)


@pytest.fixture
def project(request, cloud, catalog) -> Iterator[Project]:
    one = Project(cloud, request.node.name, catalog)
    yield one
    cloud.repair()
    one.end()


def fence_status(cloud: Cloud, status: int) -> None:
    (cloud.state / "fence-status").write_text(str(status))
    (cloud.state / "fenced").unlink(missing_ok=True)


def fenced(cloud: Cloud) -> list[str]:
    path: pathlib.Path = cloud.state / "fenced"
    return path.read_text().split() if path.exists() else []


def service(cloud: Cloud, host: str) -> dict:
    return cloud.admin.get(f"/os-services?binary=nova-compute&host={host}")["services"][0]


def is_up(cloud: Cloud, host: str) -> bool:
    return service(cloud, host)["state"] == "up"


def all_up(cloud: Cloud) -> None:
    until("all hosts are up", lambda: all(is_up(cloud, host) for host in HOSTS), _SECONDS, 0.2)


def force_down(cloud: Cloud, host: str, down: bool = True) -> None:
    service_id = service(cloud, host)["id"]
    cloud.admin.put(f"/os-services/{service_id}", {"forced_down": down})


def set_status(cloud: Cloud, host: str, status: str) -> None:
    cloud.admin.put(f"/os-services/{service(cloud, host)['id']}", {"status": status})


def boot(project: Project, host: str = SOURCE) -> str:
    body = project.server(availability_zone=f"nova:{host}")
    server_id = project.admin.post("/servers", body, 202)["server"]["id"]
    project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    return server_id


def die(cloud: Cloud, host: str) -> None:
    cloud.computes[host].kill()
    until(f"{host} is down", lambda: not is_up(cloud, host), _SECONDS, 0.2)


def evacuate(cloud: Cloud, project: Project, server_id: str, version: str = "2.94", **body) -> None:
    admin = cloud.client(f"admin:{project.id}", version)
    admin.act(server_id, "evacuate", body, expect=200)


def migration(cloud: Cloud, server_id: str) -> dict:
    return cloud.admin.get(f"/os-migrations?instance_uuid={server_id}")["migrations"][0]


def wait_done(cloud: Cloud, server_id: str, *statuses: str) -> dict:
    wanted = statuses or ("done", "completed")
    return until(
        f"the evacuation is {wanted}",
        lambda: (found := migration(cloud, server_id))["status"] in wanted and found,
        _SECONDS,
        0.1,
    )


def check_evacuated(cloud: Cloud, project: Project, server_id: str, *from_hosts: str) -> None:
    """The server runs on another host; nothing of it is left when its source is back."""
    project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    host = project.host_of(server_id)
    assert host not in from_hosts
    cloud.repair()
    wait_done(cloud, server_id, "completed")
    all_up(cloud)
    oracle.assert_clean(cloud, _SECONDS)
    assert [each for each in HOSTS if server_id in cloud.guests(each)] == [host]


def test_the_servers_of_a_dead_host_run_elsewhere_and_it_cleans_up(cloud, project):
    active, stopped = boot(project), boot(project)
    project.user.act(stopped, "os-stop")
    project.user.wait_for(stopped, "SHUTOFF")
    die(cloud, SOURCE)
    with never_twice(cloud):
        for server_id in (active, stopped):
            evacuate(cloud, project, server_id)
        for server_id, status in ((active, "ACTIVE"), (stopped, "SHUTOFF")):
            wait_done(cloud, server_id, "done")
            project.user.wait_for(server_id, status)
            assert project.host_of(server_id) != SOURCE
        assert fenced(cloud) == [SOURCE]
        cloud.computes[SOURCE].start()
        assert cloud.guests(SOURCE) == {}, "it was ready before it had cleaned up"
        for server_id in (active, stopped):
            wait_done(cloud, server_id, "completed")
    all_up(cloud)
    oracle.assert_clean(cloud)


def test_the_command_for_a_whole_host(cloud, project):
    active, paused = boot(project), boot(project)
    project.user.act(paused, "pause")
    project.user.wait_for(paused, "PAUSED")
    refused = cloud.manage("host", "evacuate", SOURCE)
    assert refused.returncode == 2
    assert "is still in use" in refused.stderr
    die(cloud, SOURCE)
    listed = cloud.manage("host", "evacuate", SOURCE, "--dry-run")
    assert (listed.returncode, active in listed.stdout) == (0, True)
    done = cloud.manage("host", "evacuate", SOURCE, "--wait")
    assert done.returncode == 1
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "is on e" in lines[active]
    assert "stays: Cannot 'evacuate'" in lines[paused]
    assert "2 servers, of which 1 stay." in done.stdout
    cloud.computes[SOURCE].start()
    wait_done(cloud, active, "completed")
    all_up(cloud)
    oracle.assert_clean(cloud, _SECONDS)
    assert cloud.manage("host", "evacuate", "nowhere").returncode == 2


def test_a_server_that_no_host_can_take_is_in_error_until_it_is_evacuated_again(cloud, project):
    server_id = boot(project)
    die(cloud, SOURCE)
    others = [host for host in HOSTS if host != SOURCE]
    for host in others:
        set_status(cloud, host, "disabled")
    try:
        evacuate(cloud, project, server_id)
        project.user.wait_for(server_id, "ERROR", _SECONDS)
    finally:
        for host in others:
            set_status(cloud, host, "enabled")
    assert migration(cloud, server_id)["status"] == "error"
    server = project.user.show(server_id)
    assert server["OS-EXT-STS:task_state"] is None
    assert "No valid host was found" in server["fault"]["message"]
    assert project.host_of(server_id) == SOURCE
    evacuate(cloud, project, server_id)
    wait_done(cloud, server_id, "done")
    check_evacuated(cloud, project, server_id, SOURCE)


def test_from_2_95_on_the_server_is_stopped(cloud, project):
    server_id = boot(project)
    die(cloud, SOURCE)
    evacuate(cloud, project, server_id, version="2.95")
    wait_done(cloud, server_id)
    project.user.wait_for(server_id, "SHUTOFF")


def test_a_host_that_is_not_fenced_keeps_its_servers(cloud, project):
    server_id = boot(project)
    fence_status(cloud, 1)
    die(cloud, SOURCE)
    evacuate(cloud, project, server_id)
    wait_done(cloud, server_id, "error")
    events = project.events(server_id, "evacuate")
    assert any("force its service down" in (each.get("details") or "") for each in events)
    assert project.host_of(server_id) == SOURCE
    cloud.computes[SOURCE].start()
    all_up(cloud)
    project.user.wait_for(server_id, "ACTIVE")
    oracle.assert_clean(cloud)
    assert server_id in cloud.guests(SOURCE)


def test_the_word_of_an_administrator(cloud, project):
    server_id = boot(project)
    fence_status(cloud, 1)
    cloud.computes[SOURCE].kill()
    force_down(cloud, SOURCE)
    evacuate(cloud, project, server_id)
    wait_done(cloud, server_id, "done")
    force_down(cloud, SOURCE, down=False)
    check_evacuated(cloud, project, server_id, SOURCE)


def test_a_frozen_process_that_goes_on_changes_nothing(cloud, project):
    """Its guests were cut off from power, and it ends when it sees that it was replaced."""
    server_id = boot(project)
    cloud.computes[SOURCE].pause()
    until("it is down", lambda: not is_up(cloud, SOURCE), _SECONDS, 0.2)
    with never_twice(cloud):
        evacuate(cloud, project, server_id)
        wait_done(cloud, server_id, "done")
        cloud.computes[SOURCE].go_on()
        cloud.computes[SOURCE].process.wait_dead(_SECONDS)
        check_evacuated(cloud, project, server_id, SOURCE)


def test_a_destination_that_fails_is_followed_by_the_next(cloud, project):
    body = project.server(
        availability_zone=f"nova:{SOURCE}", metadata={"fake:fail_spawn_on": HOSTS[1]}
    )
    server_id = project.admin.post("/servers", body, 202)["server"]["id"]
    project.user.wait_for(server_id, "ACTIVE")
    service_id = service(cloud, HOSTS[2])["id"]
    cloud.admin.put(f"/os-services/{service_id}", {"status": "disabled"})
    die(cloud, SOURCE)
    first = cloud.computes[HOSTS[1]]
    first.inject_at("before FakeDriver.spawn", "SIGSTOP")
    evacuate(cloud, project, server_id)
    first.wait_injected("before FakeDriver.spawn")
    cloud.admin.put(f"/os-services/{service_id}", {"status": "enabled"})
    first.go_on()
    wait_done(cloud, server_id)
    check_evacuated(cloud, project, server_id, SOURCE)
    assert project.host_of(server_id) == HOSTS[2]


# -- any process dies at any step ----------------------------------------------------------------

_CONDUCTOR = (
    "before fencing.fence",
    "fencing._cut_off",
    "fencing.fence",
    "Migration.lend_allocation",
    "MigrationTask._choose",
    "InstanceAction.hand_over",
    "EvacuationTask._evacuate",
    "ComputeTaskManager.evacuate_server",
)
_DESTINATION = (
    "before ComputeManager.evacuate_instance",
    "_take_from_source",
    "ResourceTracker.instance_claim",
    "before FakeDriver.spawn",
    "FakeDriver.spawn",
    "_spawn",
    "evacuate_instance",
    "InstanceAction.finish",
)
_SOURCE = (
    "EvacuatedHost.get_duties",
    "FakeDriver.destroy",
    "EvacuatedHost.complete",
)


@pytest.mark.parametrize("moment", _CONDUCTOR)
def test_the_conductor_dies(cloud, project, moment):
    server_id = boot(project)
    die(cloud, SOURCE)
    cloud.conductor.inject_at(moment)
    with never_twice(cloud):
        evacuate(cloud, project, server_id)
        cloud.conductor.wait_injected(moment)
        cloud.conductor.process.wait_dead(_SECONDS)
        cloud.conductor.start()
        wait_done(cloud, server_id)
        check_evacuated(cloud, project, server_id, SOURCE)


def test_a_conductor_that_dies_while_it_fences_delays_the_evacuation_little(cloud, project):
    """However long its fence command might have taken."""
    server_id = boot(project)
    die(cloud, SOURCE)
    cloud.conductor.inject_at("fencing._cut_off")
    evacuate(cloud, project, server_id)
    cloud.conductor.wait_injected("fencing._cut_off")
    cloud.conductor.process.wait_dead(_SECONDS)
    cloud.conductor.start()
    until(
        "the evacuation is done",
        lambda: migration(cloud, server_id)["status"] == "done",
        _LEASE_SECONDS,
        0.1,
    )
    check_evacuated(cloud, project, server_id, SOURCE)


@pytest.mark.parametrize("moment", _DESTINATION)
def test_the_destination_dies_and_returns(cloud, project, moment):
    server_id = boot(project)
    die(cloud, SOURCE)
    destination = cloud.computes[HOSTS[1]]
    destination.inject_at(moment)
    with never_twice(cloud):
        evacuate(cloud, project, server_id, host=HOSTS[1])
        destination.wait_injected(moment)
        destination.process.wait_dead(_SECONDS)
        destination.start()
        wait_done(cloud, server_id)
        check_evacuated(cloud, project, server_id, SOURCE)


@pytest.mark.parametrize("moment", _DESTINATION[:-1])
def test_the_destination_dies_for_good(cloud, project, moment):
    """It is forced down and fenced, and the server goes on to the third host."""
    server_id = boot(project)
    die(cloud, SOURCE)
    service_id = service(cloud, HOSTS[2])["id"]
    cloud.admin.put(f"/os-services/{service_id}", {"status": "disabled"})
    destination = cloud.computes[HOSTS[1]]
    destination.inject_at(moment)
    with never_twice(cloud):
        evacuate(cloud, project, server_id)
        destination.wait_injected(moment)
        destination.process.wait_dead(_SECONDS)
        cloud.admin.put(f"/os-services/{service_id}", {"status": "enabled"})
        force_down(cloud, HOSTS[1])
        wait_done(cloud, server_id)
        project.user.wait_for(server_id, "ACTIVE", _SECONDS)
        force_down(cloud, HOSTS[1], down=False)
        check_evacuated(cloud, project, server_id, SOURCE, HOSTS[1])


@pytest.mark.parametrize("moment", _SOURCE)
def test_the_source_dies_while_it_returns(cloud, project, moment):
    server_id = boot(project)
    die(cloud, SOURCE)
    with never_twice(cloud):
        evacuate(cloud, project, server_id)
        wait_done(cloud, server_id)
        source = cloud.computes[SOURCE]
        source.inject_at(moment)
        source.spawn()
        source.wait_injected(moment)
        source.process.wait_dead(_SECONDS)
        check_evacuated(cloud, project, server_id, SOURCE)


@pytest.mark.parametrize("moment", ["before FakeDriver.spawn", "FakeDriver.spawn"])
def test_the_source_returns_while_its_server_is_evacuated(cloud, project, moment):
    """The destination hangs meanwhile."""
    server_id = boot(project)
    die(cloud, SOURCE)
    destination = cloud.computes[HOSTS[1]]
    destination.inject_at(moment, "SIGSTOP")
    with never_twice(cloud):
        evacuate(cloud, project, server_id, host=HOSTS[1])
        destination.wait_injected(moment)
        cloud.computes[SOURCE].start()
        assert server_id not in cloud.guests(SOURCE)
        destination.go_on()
        wait_done(cloud, server_id)
        check_evacuated(cloud, project, server_id, SOURCE)


def test_the_scheduler_is_dead(cloud, project):
    server_id = boot(project)
    die(cloud, SOURCE)
    cloud.scheduler.kill()
    with never_twice(cloud):
        evacuate(cloud, project, server_id)
        cloud.scheduler.start()
        wait_done(cloud, server_id)
        check_evacuated(cloud, project, server_id, SOURCE)


def test_a_server_is_deleted_while_it_is_evacuated(cloud, project):
    server_id = boot(project)
    die(cloud, SOURCE)
    destination = cloud.computes[HOSTS[1]]
    destination.inject_at("before FakeDriver.spawn", "SIGSTOP")
    evacuate(cloud, project, server_id, host=HOSTS[1])
    destination.wait_injected("before FakeDriver.spawn")
    project.user.delete(f"/servers/{server_id}")
    destination.go_on()
    project.user.wait_gone(server_id, _SECONDS)
    cloud.repair()
    all_up(cloud)
    oracle.assert_clean(cloud, _SECONDS)
