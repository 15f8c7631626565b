"""Soft delete, restore and forceDelete: intent, message, errors, and who sees the servers."""

from __future__ import annotations

import pytest

from nova_mini import db
from tests.unit.api.openstack.compute.conftest import HOST
from tests.unit.conftest import ADMIN


@pytest.fixture(autouse=True)
def interval(override):
    override("reclaim_instance_interval", 3600)


def deleted(cloud) -> str:
    """A server that was soft-deleted."""
    server_id = cloud.boot()
    assert cloud.api.request("DELETE", f"/servers/{server_id}").status_int == 204
    cloud.set(server_id, vm_state="soft-delete", task_state=None)
    db.actions.finish(cloud.action(server_id)["id"], None)
    cloud.bus.sent.clear()
    return server_id


def ids(cloud, query="", **kwargs) -> list[str]:
    return [each["id"] for each in cloud.api.get(f"/servers{query}", **kwargs).json["servers"]]


def test_a_delete_is_soft(cloud):
    server_id = cloud.boot()
    assert cloud.api.request("DELETE", f"/servers/{server_id}").status_int == 204
    assert cloud.row(server_id)["task_state"] == "soft-deleting"
    begun = cloud.action(server_id)
    assert (begun["action"], begun["method"]) == ("delete", "soft_delete_instance")
    assert cloud.bus.methods() == ["soft_delete_instance"]


def test_the_host_of_an_older_release_deletes_at_once(cloud):
    server_id = cloud.boot()
    db.query.update(db.models.services, {"version": 3})
    cloud.api.request("DELETE", f"/servers/{server_id}")
    assert cloud.bus.methods() == ["terminate_instance"]


def test_a_soft_deleted_server_is_shown_and_not_listed(cloud):
    server_id = deleted(cloud)
    assert cloud.api.get(f"/servers/{server_id}").json["server"]["status"] == "SOFT_DELETED"
    assert ids(cloud) == ids(cloud, "?status=SOFT_DELETED") == []
    everything = "?all_tenants=1&"
    assert ids(cloud, everything, token=ADMIN) == []
    for query in ("deleted=true", "soft_deleted=true", "changes-since=2020-01-01T00:00:00Z"):
        assert ids(cloud, everything + query, token=ADMIN) == [server_id], query
    assert ids(cloud, everything + "deleted=true&soft_deleted=false", token=ADMIN) == []
    assert cloud.api.request("DELETE", f"/servers/{server_id}").status_int == 204
    assert cloud.bus.sent == []


def test_restore_records_intent_and_casts(cloud):
    server_id = deleted(cloud)
    assert cloud.act(server_id, "restore").status_int == 202
    row = cloud.row(server_id)
    assert (row["vm_state"], row["task_state"], row["deleted_at"]) == ("stopped", "restoring", None)
    begun = cloud.action(server_id)
    assert (begun["action"], begun["method"], begun["host"]) == (
        "restore",
        "restore_instance",
        HOST,
    )


def test_what_cannot_be_restored(cloud):
    running = cloud.boot()
    answer = cloud.act(running, "restore")
    assert answer.status_int == 409
    assert "Cannot 'restore'" in answer.json["conflictingRequest"]["message"]
    server_id = deleted(cloud)
    db.quotas.set_by_project("project", "", {"cores": 0})
    assert cloud.act(server_id, "restore").status_int == 403
    assert cloud.act(server_id, "restore", token="user:other").status_int == 404
    cloud.set(server_id, locked=True)
    assert cloud.act(server_id, "restore").status_int == 409


@pytest.mark.parametrize("is_deleted", [True, False])
def test_force_delete_does_not_wait(cloud, is_deleted):
    server_id = deleted(cloud) if is_deleted else cloud.boot()
    assert cloud.act(server_id, "forceDelete").status_int == 202
    assert cloud.row(server_id)["task_state"] == "deleting"
    assert cloud.bus.methods() == ["terminate_instance"]


def test_a_server_that_moves_is_confirmed_first(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="resized")
    answer = cloud.api.request("DELETE", f"/servers/{server_id}")
    assert answer.status_int == 409
    assert "Cannot 'delete'" in answer.json["conflictingRequest"]["message"]
