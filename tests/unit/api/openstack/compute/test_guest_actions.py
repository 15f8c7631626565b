"""changePassword, trigger_crash_dump and injectNetworkInfo: intent, message and errors."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from tests.unit.api.openstack.compute.conftest import HOST
from tests.unit.conftest import ADMIN

PASSWORD = {"adminPass": "s3cret"}


def change_password(cloud, server_id: str, answer=None):
    cloud.bus.responses["set_admin_password"] = answer
    return cloud.act(server_id, "changePassword", PASSWORD)


def test_changepassword_records_intent_and_waits_for_the_host(cloud):
    server_id = cloud.boot()
    answer = change_password(cloud, server_id)
    assert (answer.status_int, answer.body) == (202, b"")
    begun = cloud.action(server_id)
    assert (begun["action"], begun["method"], begun["host"]) == (
        "changePassword",
        "set_admin_password",
        HOST,
    )
    assert begun["args"] == {"admin_password": "s3cret"}
    assert cloud.row(server_id)["task_state"] == "updating_password"
    ids = {"instance_uuid": server_id, "action_id": begun["id"]}
    assert cloud.bus.sent == [("compute", HOST, "set_admin_password", ids)]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exception.InstanceAgentNotEnabled(instance_id="s"), 409),
        (exception.InstancePasswordSetFailed(instance_id="s", reason="no"), 409),
        (exception.GuestAgentUnresponsive(), 501),
    ],
)
def test_errors_of_the_guest(cloud, error, status):
    answer = change_password(cloud, cloud.boot(), error)
    assert answer.status_int == status
    assert "s3cret" not in answer.text
    ((_kind, fault),) = answer.json.items()
    assert fault["message"] == error.format_message()


@pytest.mark.parametrize("password", [None, 1, "a\nroot:b", "a\0", "a\r", "x" * 256])
def test_a_wrong_password_is_400_and_not_shown(cloud, password):
    answer = cloud.act(cloud.boot(), "changePassword", {"adminPass": password})
    assert answer.status_int == 400
    assert "root:b" not in answer.text


@pytest.mark.parametrize("state", [{"vm_state": "stopped"}, {"locked": True}])
def test_a_server_that_does_not_run_or_is_locked_is_409(cloud, state):
    server_id = cloud.boot()
    cloud.set(server_id, **state)
    assert change_password(cloud, server_id).status_int == 409
    assert cloud.bus.sent == []


@pytest.mark.parametrize("vm_state", ["active", "paused", "rescued", "error"])
def test_trigger_crash_dump_records_intent_and_casts(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state, task_state="rebooting")
    answer = cloud.act(server_id, "trigger_crash_dump", version="2.17")
    assert (answer.status_int, answer.body) == (202, b"")
    begun = cloud.action(server_id)
    assert (begun["action"], begun["method"]) == ("trigger_crash_dump", "trigger_crash_dump")
    assert cloud.row(server_id)["task_state"] == "rebooting"
    assert cloud.bus.methods() == ["trigger_crash_dump"]


def test_what_trigger_crash_dump_refuses(cloud):
    server_id = cloud.boot()
    assert cloud.act(server_id, "trigger_crash_dump", version="2.16").status_int == 404
    assert cloud.act(server_id, "trigger_crash_dump", {}, version="2.17").status_int == 400
    cloud.set(server_id, vm_state="stopped")
    assert cloud.act(server_id, "trigger_crash_dump", version="2.17").status_int == 409
    assert cloud.bus.sent == []


def test_an_older_host_is_409(cloud):
    server_id = cloud.boot()
    db.query.update(db.models.services, {"version": 3})
    answers = [
        change_password(cloud, server_id),
        cloud.act(server_id, "trigger_crash_dump", version="2.17"),
    ]
    for answer in answers:
        assert "must be upgraded" in answer.json["conflictingRequest"]["message"]
    assert cloud.bus.sent == []


def test_injectnetworkinfo_makes_the_host_read_the_ports_again(cloud):
    server_id = cloud.boot()
    assert cloud.act(server_id, "injectNetworkInfo").status_int == 403
    assert cloud.act(server_id, "injectNetworkInfo", token=ADMIN).status_int == 202
    ((_topic, server, method, kwargs),) = cloud.bus.sent
    assert (server, method) == (HOST, "external_instance_event")
    (event,) = kwargs["events"]
    assert (event["name"], event["server_uuid"]) == ("network-changed", server_id)
    cloud.set(server_id, host=None)
    assert cloud.act(server_id, "injectNetworkInfo", token=ADMIN).status_int == 409
