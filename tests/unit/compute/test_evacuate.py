"""A server of a dead host comes here: its volumes, failures, crashes, and the return of a host."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from nova_mini.compute.host import evacuated
from nova_mini.compute.requests.evacuate_request import EvacuateRequest
from nova_mini.objects.migration import Migration
from nova_mini.states import power_state
from nova_mini.virt.fake.metadata import FAIL_SPAWN_ON
from tests.unit.api.openstack.compute.conftest import make_host
from tests.unit.compute.cloud_in_one_process import HOST, Killed
from tests.unit.compute.conftest import UNLIMITED

pytestmark = pytest.mark.usefixtures("glance")

DEAD, THIRD = "dead", "third"


def leave_here(cloud, server) -> None:
    """Move the server's record to a host that is down; nothing of the server stays here."""
    make_host(DEAD)
    services = db.models.services
    db.query.update(services, {"forced_down": True}, services.c.host == DEAD)
    cloud.manager.driver._guests.remove(server)
    cloud.manager.rt.release(server)
    cloud.set(server, host=DEAD, node=DEAD)
    db.allocations.claim(server, DEAD, {"vcpus": 1, "memory_mb": 128, "local_gb": 1}, force=True)


def evacuate(cloud, server, **fields) -> None:
    cloud.request("evacuate", server, EvacuateRequest(**fields))


def guest(cloud, server):
    return cloud.manager.driver._guests.find(server)


def state(cloud, server) -> tuple:
    row = cloud.instance(server)
    return row.host, row.vm_state, row.task_state, row.power_state


def migration() -> dict:
    (found,) = db.server_migrations.get_page({})
    return found


ACTIVE = (HOST, "active", None, power_state.RUNNING)
STOPPED = (HOST, "stopped", None, power_state.SHUTDOWN)


def check_is_here(cloud, server, expected=ACTIVE) -> None:
    assert state(cloud, server) == expected
    assert guest(cloud, server).state == expected[-1]
    assert (migration()["status"], migration()["dest_compute"]) == ("done", HOST)
    assert cloud.unfinished() == []
    held = db.allocations.get_many([server, migration()["uuid"]])
    assert [(row["consumer_uuid"], row["host"]) for row in held] == [(server, HOST)]


def test_the_server_runs_here(cloud, server):
    leave_here(cloud, server)
    evacuate(cloud, server)
    check_is_here(cloud, server)


@pytest.mark.parametrize(
    ("before", "stop", "after"),
    [
        ("active", True, STOPPED),
        ("stopped", False, STOPPED),
        ("stopped", True, STOPPED),
        ("error", False, ACTIVE),
        ("error", True, STOPPED),
    ],
)
def test_whether_the_guest_is_started(cloud, server, before, stop, after):
    leave_here(cloud, server)
    cloud.set(server, vm_state=before)
    evacuate(cloud, server, stop=stop)
    check_is_here(cloud, server, after)


def test_its_volumes_are_attached_here(cloud, backed):
    server, root, data = backed
    leave_here(cloud, server)
    before = {each["id"] for each in cloud.cinder.of_instance(server)}
    evacuate(cloud, server)
    check_is_here(cloud, server)
    assert guest(cloud, server).volumes == {"/dev/vda": root, "/dev/vdb": data}
    attachments = cloud.cinder.of_instance(server)
    assert [each["status"] for each in attachments] == ["attached", "attached"]
    assert not before & {each["id"] for each in attachments}


def test_a_failure_here_leads_to_the_next_host(cloud, server):
    leave_here(cloud, server)
    make_host(THIRD)
    cloud.set(server, metadata={FAIL_SPAWN_ON: HOST})
    evacuate(cloud, server, host=HOST)  # the only host that may be tried
    assert state(cloud, server)[:3] == (DEAD, "error", None)
    assert guest(cloud, server) is None
    assert migration()["status"] == "error"
    held = db.allocations.get_many([server, migration()["uuid"]])
    assert [(row["consumer_uuid"], row["host"]) for row in held] == [(server, DEAD)]


def test_a_failed_destination_is_followed_by_another(cloud, server):
    leave_here(cloud, server)
    cloud.set(server, metadata={FAIL_SPAWN_ON: HOST})
    make_host(THIRD)
    services = db.models.services
    db.query.update(services, {"disabled": True}, services.c.host == THIRD)
    cloud.api.evacuate(cloud.context, cloud.instance(server), EvacuateRequest())
    method, kwargs = cloud.casts.pop(0)
    cloud._conduct(cloud.context, method, **kwargs)
    db.query.update(services, {"disabled": False}, services.c.host == THIRD)
    (action,) = cloud.unfinished()
    assert action["host"] == HOST
    method, kwargs = cloud.casts.pop(0)
    cloud._run(cloud.context, method, **kwargs)
    method, kwargs = cloud.casts.pop(0)
    cloud._conduct(cloud.context, method, **kwargs)
    (action,) = cloud.unfinished()
    assert (action["host"], action["method"]) == (THIRD, "evacuate_instance")
    assert cloud.instance(server).host == DEAD
    assert guest(cloud, server) is None


@pytest.mark.parametrize("says", [True, False])
def test_what_the_request_says_of_the_disks_must_be_right(cloud, server, says):
    """The disks of the fake driver are not shared."""
    leave_here(cloud, server)
    evacuate(cloud, server, on_shared_storage=says)
    if says:
        assert state(cloud, server)[0] == DEAD
        assert migration()["status"] == "error"
    else:
        check_is_here(cloud, server)


def _steps(cloud, server) -> list[str]:
    cloud.steps.clear()
    evacuate(cloud, server)
    return [*cloud.steps]


@pytest.fixture
def steps(cloud, backed) -> list[str]:
    """Of an evacuation without a crash."""
    server, *_ = backed
    leave_here(cloud, server)
    found = _steps(cloud, server)
    assert "evacuate_instance" in found
    names = dict.fromkeys(found)
    return [each for each in names if not each.startswith("before ")]


def test_it_survives_a_crash_at_every_step(cloud, backed, steps):
    server, root, data = backed
    migrations = db.models.migrations
    for point in steps:
        db.query.delete(migrations)
        cloud.manager.driver._guests.remove(server)
        cloud.manager.rt.release(server)
        db.allocations.release(server)
        db.allocations.claim(
            server, DEAD, {"vcpus": 1, "memory_mb": 128, "local_gb": 0}, force=True
        )
        cloud.set(server, host=DEAD, node=DEAD)
        cloud.kill_at(point)
        try:
            evacuate(cloud, server)
        except Killed:
            cloud.recover()
        cloud.kill_at(None)
        if cloud.unfinished() == [] and not db.server_migrations.get_page({}):
            continue  # killed before the request was committed
        check_is_here(cloud, server)
        assert guest(cloud, server).volumes == {"/dev/vda": root, "/dev/vdb": data}, point
        attachments = cloud.cinder.of_instance(server)
        assert [each["status"] for each in attachments] == ["attached", "attached"], point


# -- this host returns ---------------------------------------------------------------------------


def begin_elsewhere(cloud, server, status) -> str:
    """An evacuation of the server from this host. Returns the UUID of its migration."""
    instance = cloud.instance(server)
    new = Migration.begin_evacuation(cloud.context, instance)
    new.insert(("project", "user"), UNLIMITED)
    db.server_migrations.update(new.uuid, {"status": status})
    if status == "done":
        cloud.set(server, host=THIRD, node=THIRD)
    return new.uuid


def fence_here() -> None:
    services = db.models.services
    here = (services.c.host == HOST, services.c.topic == "compute")
    db.query.update(services, {"forced_down": True}, *here)
    assert db.fences.finish(HOST, db.fences.begin(HOST, []))
    db.query.update(services, {"forced_down": False}, *here)


@pytest.mark.parametrize("status", ["pre-migrating", "done"])
def test_a_host_that_returns_destroys_the_guests_that_it_has_lost(
    cloud, server, status, monkeypatch
):
    begin_elsewhere(cloud, server, status)
    fence_here()
    readmitted = readmits(cloud, monkeypatch)
    cloud.start_compute(cleaned=True)
    assert guest(cloud, server) is None
    assert migration()["status"] == ("completed" if status == "done" else status)
    assert readmitted == [HOST]
    assert db.fences.get_service(HOST)["fence"] is None


def test_a_host_with_a_fence_leaves_the_disks_of_deleted_servers(cloud, server, monkeypatch):
    """Ceph refuses to remove them, and the host would never start."""
    cloud.set(server, deleted=True)
    fence_here()
    readmitted = readmits(cloud, monkeypatch)

    driver_type = type(cloud.manager.driver)
    destroy_guest = driver_type.destroy

    def destroy(driver, *args, destroy_disks=True, **kwargs):
        if destroy_disks:
            raise exception.CephUnavailable(reason="the client is on the blocklist")
        destroy_guest(driver, *args, destroy_disks=destroy_disks, **kwargs)

    monkeypatch.setattr(driver_type, "destroy", destroy)
    cloud.start_compute(cleaned=True)
    assert guest(cloud, server) is None
    assert readmitted == [HOST]


def test_a_host_that_was_not_fenced_keeps_its_guests(cloud, server):
    begin_elsewhere(cloud, server, "accepted")
    cloud.start_compute(cleaned=True)
    assert guest(cloud, server) is not None


def test_a_host_that_is_fenced_again_does_not_start(cloud, server, monkeypatch):
    fence_here()
    readmits(cloud, monkeypatch, before=fence_here)
    with pytest.raises(exception.HostFenced):
        cloud.start_compute(cleaned=True)
    assert db.fences.is_fenced(db.fences.get_service(HOST))


def test_an_evacuation_that_ends_later_is_completed_by_the_periodic_task(cloud, server):
    uuid = begin_elsewhere(cloud, server, "pre-migrating")
    cloud.start_compute(cleaned=True)
    cloud.set(server, host=THIRD, node=THIRD)
    db.server_migrations.update(uuid, {"status": "done"})
    evacuated.complete(cloud.manager.services)
    assert migration()["status"] == "completed"


def readmits(cloud, monkeypatch, before=lambda: None) -> list[str]:
    """Send the call of a compute to the conductor; ``before`` is called first."""
    called: list[str] = []

    def readmit(_self, context, host, incarnation):
        before()
        called.append(host)
        return cloud.tasks.readmit_host(context, host, incarnation)

    monkeypatch.setattr("nova_mini.rpcapi.conductor.ComputeTaskAPI.readmit_host", readmit)
    return called
