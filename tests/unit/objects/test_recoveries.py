"""The history of a server shows recoveries, with their reasons."""

from __future__ import annotations

import uuid

import pytest

from nova_mini.db import actions, services
from nova_mini.objects.instance_action import InstanceAction
from tests.unit.db import records

_EVENT = "compute_stop_instance"


@pytest.fixture
def action_id(database) -> int:
    return records.add_action(records.add_server(task_state="powering-off"))


def _start() -> str:
    """Start a compute on h1. Return its incarnation."""
    incarnation = str(uuid.uuid4())
    services.start("h1", "nova-mini-compute", "compute", incarnation, 1)
    return incarnation


def _claim(context, action_id: int, owner: str) -> InstanceAction | None:
    return InstanceAction.claim(context, action_id, owner, host="h1", event=_EVENT, at="h1")


def test_the_history_shows_an_interrupted_operation(context, action_id):
    assert _claim(context, action_id, _start())
    assert records.events(action_id) == [(_EVENT, None, None)]
    successor = _start()
    assert _claim(context, action_id, successor)
    first, recovery, second = records.events(action_id)
    assert first[:2] == (_EVENT, "Error")
    assert "nterrupted" in first[2]
    assert recovery[:2] == ("recovery_resumed", "Success")
    assert f"{_EVENT} at h1" in recovery[2]
    assert "attempt 2" in recovery[2]
    assert second == (_EVENT, None, None)
    InstanceAction.finish(context, action_id, successor, _EVENT, at="h1")
    assert records.events(action_id)[2] == (_EVENT, "Success", None)
    assert records.events(action_id)[0] == first, "the first attempt did not succeed"


def test_a_replaced_compute_claims_no_action(context, action_id):
    """It may not know of its successor yet."""
    replaced, successor = _start(), _start()
    assert _claim(context, action_id, replaced) is None
    assert records.events(action_id) == []
    assert _claim(context, action_id, successor)


def test_a_requeued_operation_is_not_shown_as_interrupted(context, action_id):
    owner = _start()
    _claim(context, action_id, owner)
    InstanceAction.put_back(context, action_id, owner, _EVENT, "NeutronConnectionFailed")
    _claim(context, action_id, owner)
    assert records.events(action_id) == [
        (_EVENT, "Error", "NeutronConnectionFailed"),
        (_EVENT, None, None),
    ]


def test_the_events_of_a_superseded_action_end_too(context, action_id):
    _claim(context, action_id, _start())
    instance_uuid = actions.get(action_id)["instance_uuid"]
    delete = records.add_action(instance_uuid, action="delete", method="terminate_instance")
    actions.event_start(delete, "compute_terminate_instance", "h1")
    actions.supersede(instance_uuid, but=delete)
    ((event, result, details),) = records.events(action_id)
    assert (event, result) == (_EVENT, "Error")
    assert "uperseded" in details
    assert records.events(delete) == [("compute_terminate_instance", None, None)]


def test_the_removal_of_an_orphan_is_in_the_history_of_the_deleted_server(context, database):
    instance_uuid = records.add_server(deleted=True)
    records.add_action(instance_uuid, action="create", finish_time=records.NOW)
    delete = records.add_action(instance_uuid, action="delete", finish_time=records.NOW)
    InstanceAction.record_leftover(context, instance_uuid, "h1", "Its guest was still here.")
    assert records.events(delete) == [
        ("recovery_leftover_destroyed", "Success", "Its guest was still here.")
    ]
    InstanceAction.record_leftover(context, str(uuid.uuid4()), "h1", "unknown")  # no history
