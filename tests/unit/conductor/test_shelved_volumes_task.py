"""Attach and detach volumes of servers that are on no host."""

from __future__ import annotations

import pytest

from nova_mini import db
from tests.unit.conductor import task_records
from tests.unit.conductor.task_records import place, row, turns

NO_VOLUME = "22222222-0000-4000-8000-000000000002"


@pytest.fixture(autouse=True)
def _services(cinder, override):
    override("http_retries", 0, group="cinder")


@pytest.fixture
def begin(cinder):
    """``begin(name)`` inserts an action and its volume, and returns both."""

    def begin(name: str, *, server=None, reserved: bool = True, **columns) -> tuple[int, str]:
        state = {"vm_state": "shelved_offloaded", **(server or {})}
        action_id = task_records.add_request(name, server=state, action=name, **columns)
        bdm_uuid = task_records.add_volume(action_id, cinder, reserved=reserved)
        actions = db.models.instance_actions
        args = {"args": {"bdm_uuid": bdm_uuid}}
        db.query.update(actions, args, actions.c.id == action_id)
        return action_id, db.block_device_mappings.get_by_uuid(bdm_uuid)["volume_id"]

    return begin


def attachments_of(action_id: int, cinder) -> list[dict]:
    return cinder.of_instance(row(action_id)["instance_uuid"])


def mappings_of(action_id: int) -> list:
    return db.block_device_mappings.get_by_instances([row(action_id)["instance_uuid"]])


def assert_finished(action_id: int, name: str) -> None:
    action = row(action_id)
    assert action["finish_time"] is not None
    assert (action["message"], action["args"], action["owner"]) == (None, None, None)
    assert turns(action_id)[-1] == (f"conductor_{name}", "Success", None)


# -- attach --------------------------------------------------------------------------------------


def test_a_reserved_volume_stays_reserved(tasks, bus, cinder, begin, context):
    action_id, volume_id = begin("attach_volume")
    tasks.attach_volume(context, [action_id])
    assert_finished(action_id, "attach_volume")
    assert cinder.status(volume_id) == "reserved" and len(mappings_of(action_id)) == 1
    ((event, payload),) = bus.notifications
    assert (event, payload["volume_id"]) == ("compute.instance.volume.attach", volume_id)


def test_a_volume_that_is_not_reserved_yet_is_waited_for_once(tasks, bus, begin, context):
    action_id, _ = begin("attach_volume", reserved=False)
    tasks.attach_volume(context, [action_id])
    assert task_records.is_requeued(action_id, "attach_volume", "ActionInterrupted")
    assert len(mappings_of(action_id)) == 1 and bus.events() == []


def test_a_volume_that_a_dead_api_did_not_reserve_is_not_attached(tasks, bus, begin, context):
    action_id, _ = begin("attach_volume", reserved=False, attempts=1)
    tasks.attach_volume(context, [action_id])
    assert_finished(action_id, "attach_volume")
    assert mappings_of(action_id) == [] and bus.events() == []


def test_a_reservation_that_a_dead_api_did_not_record_is_released(tasks, cinder, begin, context):
    action_id, volume_id = begin("attach_volume", reserved=False, attempts=1)
    task_records.reserve(cinder, row(action_id)["instance_uuid"], volume_id)
    tasks.attach_volume(context, [action_id])
    assert_finished(action_id, "attach_volume")
    assert (mappings_of(action_id), attachments_of(action_id, cinder)) == ([], [])
    assert cinder.status(volume_id) == "available"


@pytest.mark.parametrize("name", ["attach_volume", "detach_volume"])
def test_without_a_mapping_there_is_nothing_to_do(tasks, bus, cinder, context, name):
    args = {"bdm_uuid": NO_VOLUME}
    server = {"vm_state": "shelved_offloaded"}
    action_id = task_records.add_request(name, server=server, action=name, args=args)
    getattr(tasks, name)(context, [action_id])
    assert_finished(action_id, name)
    assert (cinder.requests(), bus.events()) == ([], [])


# -- detach --------------------------------------------------------------------------------------


def test_a_reserved_volume_is_detached(tasks, bus, cinder, begin, context):
    action_id, volume_id = begin("detach_volume")
    tasks.detach_volume(context, [action_id])
    assert_finished(action_id, "detach_volume")
    assert (mappings_of(action_id), attachments_of(action_id, cinder)) == ([], [])
    assert cinder.status(volume_id) == "available"
    ((event, payload),) = bus.notifications
    assert (event, payload["volume_id"]) == ("compute.instance.volume.detach", volume_id)


def test_other_volumes_of_the_server_stay(tasks, cinder, begin, context):
    action_id, volume_id = begin("detach_volume")
    other = task_records.add_volume(action_id, cinder)
    tasks.detach_volume(context, [action_id])
    assert [mapping["uuid"] for mapping in mappings_of(action_id)] == [other]
    assert volume_id not in [each["volume_id"] for each in attachments_of(action_id, cinder)]
    assert len(attachments_of(action_id, cinder)) == 1


def test_when_the_record_was_not_removed_the_detach_is_repeated(tasks, cinder, begin, context):
    """The conductor died after Cinder had deleted the attachment."""
    action_id, _ = begin("detach_volume", attempts=1)
    cinder.attachments.clear()
    tasks.detach_volume(context, [action_id])
    assert_finished(action_id, "detach_volume")
    assert mappings_of(action_id) == []


# -- both ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["attach_volume", "detach_volume"])
def test_a_server_that_has_come_to_a_host_is_handed_to_it(tasks, bus, cinder, begin, context, name):
    action_id, volume_id = begin(name, server={"host": "h1"})
    args = row(action_id)["args"]
    tasks_method = getattr(tasks, name)
    tasks_method(context, [action_id])
    assert place(action_id) == ("h1", name)
    assert row(action_id)["args"] == args
    assert turns(action_id) == [(f"conductor_{name}", "Success", None)]
    uuid = row(action_id)["instance_uuid"]
    assert bus.casts == [("h1", name, {"instance_uuid": uuid, "action_id": action_id})]
    assert cinder.status(volume_id) == "reserved" and bus.events() == []


def test_when_cinder_fails_a_detach_is_requeued(tasks, bus, cinder, begin, context):
    action_id, _ = begin("detach_volume")
    cinder.failures["DELETE", "/attachments/.*"] = [(500, {})]
    tasks.detach_volume(context, [action_id])
    assert place(action_id) == (None, "detach_volume")
    assert turns(action_id)[0][:2] == ("conductor_detach_volume", "Error")
    assert len(mappings_of(action_id)) == 1 and bus.events() == []
    tasks.detach_volume(context, [action_id])
    assert_finished(action_id, "detach_volume")


def test_one_that_fails_does_not_stop_the_others(tasks, cinder, begin, context):
    (failing, _), (other, _) = begin("detach_volume"), begin("detach_volume")
    cinder.failures["GET", "/attachments.*"] = [(500, {})]
    tasks.detach_volume(context, [failing, other])
    assert place(failing) == (None, "detach_volume")
    assert_finished(other, "detach_volume")


def test_parameters_that_cannot_be_read_do_not_stop_the_others(tasks, begin, context):
    unknown, _ = begin("detach_volume", server={"host": "h1"}, args_version=2)
    other, _ = begin("detach_volume")
    tasks.detach_volume(context, [unknown, other])
    assert task_records.is_requeued(unknown, "detach_volume", "UnknownParameters")
    assert_finished(other, "detach_volume")
