"""Servers that are deleted and restored: the guest, the states, the quota, and what a kill at each
step leaves."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from nova_mini.objects.instance import Instance
from nova_mini.states import power_state
from tests.unit.compute.cloud_in_one_process import Killed


@pytest.fixture(autouse=True)
def interval(override):
    override("reclaim_instance_interval", 3600)


def used() -> int:
    return db.project_usages.get("project")["instances"]


def sweep() -> None:
    """What the database sums up is what it has stored."""
    assert db.sweeps.find_wrong_usages(None) == []


def delete(cloud, server) -> Instance:
    cloud.api.delete(cloud.context, cloud.instance(server))
    cloud.deliver()
    return cloud.instance(server)


def guest_state(cloud, server) -> int:
    return cloud.manager.driver.get_info(cloud.instance(server)).state


def test_a_deleted_server_is_stopped_and_uses_no_quota(cloud, server):
    before = used()
    found = delete(cloud, server)
    assert (found.vm_state, found.task_state) == ("soft-delete", None)
    assert found.power_state == guest_state(cloud, server) == power_state.SHUTDOWN
    assert found.deleted_at is not None
    assert used() == before - 1
    sweep()
    assert delete(cloud, server).vm_state == "soft-delete"
    assert used() == before - 1


def test_a_deleted_server_is_restored(cloud, server):
    before = used()
    delete(cloud, server)
    cloud.api.restore(cloud.context, cloud.instance(server))
    cloud.deliver()
    found = cloud.instance(server)
    assert (found.vm_state, found.task_state, found.deleted_at) == ("active", None, None)
    assert guest_state(cloud, server) == power_state.RUNNING
    assert used() == before
    sweep()
    with pytest.raises(exception.InstanceInvalidState):
        cloud.api.restore(cloud.context, cloud.instance(server))


def test_a_restore_needs_quota(cloud, server):
    delete(cloud, server)
    db.quotas.set_by_project("project", "", {"instances": 0})
    with pytest.raises(exception.OverQuota):
        cloud.api.restore(cloud.context, cloud.instance(server))
    assert cloud.instance(server).vm_state == "soft-delete"
    sweep()


def test_a_forced_delete_cannot_be_undone(cloud, server):
    before = used()
    delete(cloud, server)
    cloud.api.force_delete(cloud.context, cloud.instance(server))
    cloud.deliver()
    assert db.instances.get_by_uuid(server) is None
    assert used() == before - 1
    sweep()


def test_a_reset_of_the_state_uses_the_quota_again(cloud, server):
    before = used()
    delete(cloud, server)
    cloud.api.reset_state(cloud.context, cloud.instance(server), "error")
    assert cloud.instance(server).vm_state == "error"
    assert used() == before
    sweep()


def test_a_delete_that_fails_leaves_the_server_soft_deleted(cloud, server, monkeypatch):
    delete(cloud, server)

    def fail(*args, **kwargs):
        raise exception.HypervisorError(reason="broken")

    monkeypatch.setattr(cloud.manager.driver, "destroy", fail)
    cloud.api.force_delete(cloud.context, cloud.instance(server))
    cloud.deliver()
    found = cloud.instance(server)
    assert (found.vm_state, found.task_state) == ("soft-delete", None)
    sweep()


def test_the_history_calls_it_a_delete(cloud, server):
    delete(cloud, server)
    newest = db.actions.get_by_instance(server)[0]
    assert (newest["action"], newest["method"]) == ("delete", "soft_delete_instance")


@pytest.mark.parametrize("vm_state", ["building", "shelved_offloaded"])
def test_a_server_without_a_guest_is_deleted_at_once(cloud, server, vm_state):
    columns = {"vm_state": vm_state, "launched_at": None, "host": None}
    db.query.update(db.models.instances, columns, db.models.instances.c.uuid == server)
    cloud.api.delete(cloud.context, cloud.instance(server))
    assert db.actions.get_by_instance(server)[0]["method"] == "delete_unscheduled_instance"


def test_a_server_that_is_being_changed_is_not_soft_deleted(cloud, server):
    cloud.api.stop(cloud.context, cloud.instance(server))
    with pytest.raises(exception.InstanceInvalidState, match="Cannot 'delete'"):
        cloud.api.delete(cloud.context, cloud.instance(server))


@pytest.mark.parametrize(
    ("request_name", "first", "expected", "guest"),
    [
        (
            "delete",
            "before ComputeManager.soft_delete_instance",
            "soft-delete",
            power_state.SHUTDOWN,
        ),
        ("restore", "before ComputeManager.restore_instance", "active", power_state.RUNNING),
    ],
)
def test_killed_at_every_step_it_is_done(cloud, server, request_name, first, expected, guest):
    before = used()
    opposite = {"delete": "restore", "restore": "delete"}[request_name]

    def undo() -> None:
        is_deleted = cloud.instance(server).vm_state == "soft-delete"
        if is_deleted is (request_name == "delete"):
            cloud.request(opposite, server)

    undo()
    cloud.steps.clear()
    cloud.request(request_name, server)
    points = list(dict.fromkeys(cloud.steps))
    points = points[points.index(first) :]
    assert len(points) > 3
    for point in points:
        undo()
        cloud.kill_at(point)
        with pytest.raises(Killed):
            cloud.request(request_name, server)
        cloud.recover()
        found = cloud.instance(server)
        assert (found.vm_state, found.task_state) == (expected, None), point
        assert guest_state(cloud, server) == guest, point
        assert used() == before - (expected == "soft-delete"), point
        assert cloud.unfinished() == []
    sweep()
