"""nova-mini-manage doctor in a damaged cloud whose periodic tasks do not run during the test."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import config, oracle
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.network import free_port
from tests.functional.harness.project import Project
from tests.functional.harness.waiting import until

_FAR = 3600
_SLOW = {
    "DEFAULT": {"sync_power_state_interval": _FAR, "resume_actions_interval": _FAR},
    "conductor": {"sweep_interval": _FAR},
}
_SECONDS = 45


@pytest.fixture(scope="module")
def slow_cloud(engines, images, workspace):
    with clouds.running(engines, workspace / "doctor", images, options=_SLOW) as running:
        yield running


@pytest.fixture(scope="module")
def catalog(slow_cloud, images) -> dict[str, str]:
    return make_catalog(slow_cloud, images)


@pytest.fixture
def cloud(slow_cloud) -> Cloud:
    return slow_cloud


@pytest.fixture
def at_once(tmp_path) -> pathlib.Path:
    """A configuration in which the doctor reports records that are one second old."""
    return config.write(tmp_path / "doctor.conf", {"conductor": {"sweep_interval": 1}})


@pytest.fixture
def doctor(cloud, at_once):
    """``doctor(*options)``: the exit status, and {kind: finding}."""

    def examine(*options: str) -> tuple[int, dict[str, dict]]:
        done = cloud.manage("doctor", "--json", *options, configs=[at_once])
        report = json.loads(done.stdout)
        assert report["looked_at"] == ["the database", "2 of 2 hypervisors", "Glance"]
        return done.returncode, {one["kind"]: one for one in report["findings"]}

    return examine


def _record(cloud: Cloud, server_id: str, changes: str) -> None:
    cloud.damage(f"UPDATE instances SET {changes} WHERE uuid = :uuid", uuid=server_id)


def test_damage_of_every_kind_is_found_and_fixed(cloud: Cloud, project: Project, doctor):
    until("all is quiet", lambda: doctor() == (0, {}), _SECONDS)
    stuck, lying, lost = (project.boot() for _ in range(3))
    _record(cloud, stuck, "task_state = 'powering-off', updated_at = '2026-01-01'")
    _record(cloud, lying, "vm_state = 'stopped', power_state = 4")
    _record(cloud, lost, "deleted = 1, deleted_at = '2026-01-02', vm_state = 'deleted'")
    for table in ("allocations", "request_specs"):
        cloud.damage(f"UPDATE {table} SET created_at = '2026-01-01'")
    cloud.damage("UPDATE compute_nodes SET vcpus_used = vcpus_used + 3 WHERE host = 'c2'")

    status, found = doctor()
    assert status == 1
    assert {kind: one["subject"] for kind, one in found.items()} == {
        "stranded-task": f"server {stuck}",
        "power-state": f"server {lying}",
        "orphaned-guest": f"server {lost}",
        "orphaned-allocation": f"server {lost}",
        "orphaned-records": f"server {lost}",
        "wrong-ledger": "host c2",
        "wrong-usage": f"project {project.id}",
    }
    assert found["stranded-task"]["since"].startswith("2026-01-01")
    assert doctor() == (1, found), "to look changes nothing"

    status, fixed = doctor("--fix")
    assert status == 1
    assert {kind: one["outcome"] for kind, one in fixed.items()} == dict.fromkeys(found, "fixed")
    assert doctor() == (0, {})
    oracle.assert_clean(cloud)
    assert project.user.show(stuck)["OS-EXT-STS:task_state"] is None
    assert project.user.show(lying)["status"] == "ACTIVE"
    assert _history(project, stuck) == ["recovery_task_ended"]
    assert _history(project, lost) == ["recovery_leftover_destroyed"]


def _history(project: Project, server_id: str) -> list[str]:
    """The recoveries in the history of a server (os-instance-actions); each gives a reason."""
    events = project.events(server_id, "create")
    recovered = [event for event in events if event["event"].startswith("recovery_")]
    assert all(event["details"] for event in recovered)
    return [event["event"] for event in recovered]


def test_actions_of_a_host_that_is_down_are_findings(cloud: Cloud, project: Project, at_once):
    server_id = project.boot(host="c1")
    host = cloud.computes["c1"]
    host.inject_at("before FakeDriver.power_off")
    project.user.act(server_id, "os-stop")
    host.wait_injected("before FakeDriver.power_off")
    host.process.wait_dead(_SECONDS)
    until("the host counts as dead", lambda: _state(cloud, "c1") == "down", _SECONDS)

    done = cloud.manage("doctor", "--fix", configs=[at_once])
    assert done.returncode == 1, done.stderr
    text = done.stdout
    assert "1 of 2 hypervisors" in text
    assert "service-down: nova-mini-compute on c1: it is down" in text
    assert f"unfinished-action: server {server_id}: stop (stop_instance) is not done: " in text
    assert "it waits for host c1, which is down" in text
    assert project.user.show(server_id)["OS-EXT-STS:task_state"] == "powering-off"
    host.start()
    project.user.wait_for(server_id, "SHUTOFF")
    events = project.events(server_id, "stop")
    recovery = next(event for event in events if event["event"] == "recovery_resumed")
    assert "compute_stop_instance at c1" in recovery["details"]
    assert [e["result"] for e in events if e["event"] == "compute_stop_instance"] == [
        "Error",
        "Success",
    ]
    until("all is well", lambda: cloud.manage("doctor").returncode == 0, 2 * _SECONDS)


def _state(cloud: Cloud, host: str) -> str:
    [service] = cloud.admin.get(f"/os-services?host={host}&binary=nova-compute")["services"]
    return service["state"]


def test_the_doctor_reports_an_unavailable_database(cloud: Cloud, tmp_path):
    url = f"mysql+pymysql://user:s3cret@127.0.0.1:{free_port()}/nova"
    elsewhere = config.write(tmp_path / "elsewhere.conf", {"database": {"connection": url}})
    done = cloud.manage("doctor", configs=[elsewhere])
    assert done.returncode == 2
    assert "cannot check the cloud" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
