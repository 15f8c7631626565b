"""nova-mini-manage host drain and restore, in a cloud of three hosts."""

from __future__ import annotations

import itertools
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import oracle
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.project import Project

HOSTS = ("c1", "c2", "c3")
_OPTIONS = {"DEFAULT": {"max_concurrent_live_migrations": 0}}  # only the drain limits them
_EMPTY, _LEFT, _IMPOSSIBLE, _MOVING = 0, 1, 2, 3
_SLOW = {"metadata": {"fake:live_migration_seconds": "3"}}
_SECONDS = 60


@pytest.fixture(scope="module")
def cloud(engines, images, workspace) -> Iterator[Cloud]:
    directory = workspace / "drain"
    with clouds.running(engines, directory, images, computes=HOSTS, options=_OPTIONS) as running:
        yield running


@pytest.fixture(scope="module")
def catalog(cloud, images) -> dict[str, str]:
    return make_catalog(cloud, images)


@pytest.fixture(autouse=True)
def _restored(cloud) -> Iterator[None]:
    yield
    cloud.repair()
    for host in HOSTS:
        cloud.manage("host", "restore", host)


def boot(project: Project, count: int = 1, **fields) -> list[str]:
    """Servers on c1."""
    uuids = [project.create(host="c1", **fields) for _ in range(count)]
    for uuid in uuids:
        project.user.wait_for(uuid, "ACTIVE")
    return uuids


def service(cloud: Cloud, host: str = "c1") -> dict:
    services = cloud.admin.get(f"/os-services?host={host}&binary=nova-compute")["services"]
    return services[0]


def hosts_of(project: Project, uuids: list[str]) -> set[str]:
    return {project.host_of(uuid) for uuid in uuids}


def test_all_servers_leave_the_host(cloud, project):
    running = boot(project, 3)
    (paused,), (stopped,) = boot(project), boot(project)
    project.user.act(paused, "pause")
    project.user.wait_for(paused, "PAUSED")
    project.user.act(stopped, "os-stop")
    project.user.wait_for(stopped, "SHUTOFF")

    done = cloud.manage("host", "drain", "c1", "--wait")
    assert done.returncode == _EMPTY, done.stdout
    assert "c1 is empty" in done.stdout and "\x1b" not in done.stdout
    everyone = [*running, paused, stopped]
    assert "c1" not in hosts_of(project, everyone)
    states = [project.user.show(uuid)["status"] for uuid in everyone]
    assert states == ["ACTIVE"] * 3 + ["PAUSED", "SHUTOFF"]
    moves = cloud.admin.get("/os-migrations?source_compute=c1")["migrations"]
    kinds = {each["instance_uuid"]: each["migration_type"] for each in moves}
    assert {kinds[uuid] for uuid in [*running, paused]} == {"live-migration"}
    assert kinds[stopped] == "migration"
    assert not cloud.guests("c1")
    oracle.assert_clean(cloud)

    assert (service(cloud)["status"], service(cloud)["state"]) == ("disabled", "up")
    assert hosts_of(project, [project.boot() for _ in range(3)]) <= {"c2", "c3"}
    again = cloud.manage("host", "drain", "c1", "--wait")
    assert (again.returncode, again.stdout.count("migration begins")) == (_EMPTY, 0)
    assert cloud.manage("host", "restore", "c1").returncode == 0
    assert service(cloud)["status"] == "enabled"


def test_what_cannot_move_is_listed_with_the_reason(cloud, project):
    (suspended,), (resized,), (refused,) = (
        boot(project),
        boot(project),
        boot(project, metadata={"fake:refuse_live_migration_to": "*"}),
    )
    project.user.act(suspended, "suspend")
    project.user.wait_for(suspended, "SUSPENDED")
    larger = {"name": "more", "id": "more", "vcpus": 2, "ram": 128, "disk": 1}
    cloud.admin.post("/flavors", {"flavor": larger})
    project.user.act(resized, "resize", {"flavorRef": "more"})
    project.user.wait_for(resized, "VERIFY_RESIZE")
    (moved,) = boot(project)

    done = cloud.manage("host", "drain", "c1", "--wait")
    assert done.returncode == _LEFT
    listed = done.stdout.partition("3 cannot move:")[2]
    reasons = {line.split()[0]: line for line in listed.splitlines() if line.strip()}
    assert set(reasons) == {suspended, resized, refused}
    assert "suspended" in reasons[suspended] and "confirmed or reverted" in reasons[resized]
    assert done.stdout.count(f"({refused}): did not move") == 2
    assert project.host_of(moved) != "c1"
    assert project.user.show(refused)["status"] == "ACTIVE"

    project.user.act(suspended, "resume")
    project.user.wait_for(suspended, "ACTIVE")
    project.user.act(resized, "confirmResize", expect=204)
    project.user.wait_for(resized, "ACTIVE")
    project.user.delete(f"/servers/{refused}")
    project.user.wait_gone(refused)
    assert cloud.manage("host", "drain", "c1", "--wait").returncode == _EMPTY
    oracle.assert_clean(cloud)


def test_only_so_many_move_at_once(cloud, project):
    servers = boot(project, 3, **_SLOW)
    done = cloud.manage("host", "drain", "c1", "--parallel", "1")
    assert (done.returncode, done.stdout.count("migration begins")) == (_MOVING, 1)
    done = cloud.manage("host", "drain", "c1", "--wait", "--parallel", "1")
    assert done.returncode == _EMPTY
    assert "c1" not in hosts_of(project, servers)
    moves = cloud.query(
        "SELECT created_at, updated_at FROM migrations"
        " WHERE source_compute = 'c1' AND project_id = :id ORDER BY created_at",
        id=project.id,
    )
    assert len(moves) == 3
    for one, following in itertools.pairwise(moves):
        assert one["updated_at"] <= following["created_at"]


def _read_until(process: subprocess.Popen, word: str) -> None:
    for line in process.stdout:
        print(line, end="")
        if word in line:
            return
    raise AssertionError(f"it ended without {word!r}")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda each: each.name)
def test_a_drain_that_is_stopped_goes_on_when_it_is_run_again(cloud, project, how):
    servers = boot(project, 2, **_SLOW)
    (stopped,) = boot(project)
    project.user.act(stopped, "os-stop")
    project.user.wait_for(stopped, "SHUTOFF")
    process = cloud.start_manage("host", "drain", "c1", "--wait", "--parallel", "1")
    _read_until(process, "migration begins")
    process.send_signal(how)
    rest = process.communicate(timeout=_SECONDS)[0]
    if how is signal.SIGINT:
        assert process.returncode == _MOVING and "stopped; what has begun goes on" in rest
    assert cloud.manage("host", "drain", "c1", "--wait").returncode == _EMPTY
    assert "c1" not in hosts_of(project, [*servers, stopped])
    assert project.user.show(stopped)["status"] == "SHUTOFF"
    oracle.assert_clean(cloud)


def test_a_restore_ends_the_drain(cloud, project):
    boot(project, 3, **_SLOW)
    process = cloud.start_manage("host", "drain", "c1", "--wait", "--parallel", "1")
    _read_until(process, "migration begins")
    assert cloud.manage("host", "restore", "c1").returncode == 0
    rest = process.communicate(timeout=_SECONDS)[0]
    assert process.returncode == _IMPOSSIBLE and "c1 was enabled again" in rest


def test_a_host_of_which_nothing_can_be_moved(cloud, project):
    assert cloud.manage("host", "drain", "nowhere").returncode == _IMPOSSIBLE
    assert cloud.manage("host", "restore", "nowhere").returncode == _IMPOSSIBLE
    change = {"forced_down": True}
    cloud.admin.put(f"/os-services/{service(cloud, 'c3')['id']}", change)
    done = cloud.manage("host", "drain", "c3")
    cloud.admin.put(f"/os-services/{service(cloud, 'c3')['id']}", {"forced_down": False})
    assert done.returncode == _IMPOSSIBLE and "does not report" in done.stderr
    assert service(cloud, "c3")["status"] == "enabled"


def test_a_host_that_an_administrator_has_disabled_stays_disabled(cloud, project):
    path = f"/os-services/{service(cloud)['id']}"
    cloud.admin.put(path, {"status": "disabled", "disabled_reason": "broken fan"})
    assert cloud.manage("host", "drain", "c1", "--wait").returncode == _EMPTY
    done = cloud.manage("host", "restore", "c1")
    assert done.returncode == _LEFT and "broken fan" in done.stderr
    assert service(cloud)["disabled_reason"] == "broken fan"
    cloud.admin.put(path, {"status": "enabled"})
