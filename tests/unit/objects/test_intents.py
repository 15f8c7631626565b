"""An action begins only if the server is still in the state that the request has read."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from nova_mini.db import actions
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from tests.unit.db import records


@pytest.fixture
def seen(context, database) -> Instance:
    """An active server, as a request has read it."""
    return Instance.get_by_uuid(context, records.add_server(vm_state="active", host="h1"))


def attach(context, seen: Instance) -> InstanceAction:
    """Begin an action that does not change the server's record."""
    return InstanceAction.begin(
        context,
        seen,
        "attach_volume",
        method="attach_volume",
        host="h1",
        args={},
        expected_vm_state=["active"],
    )


def unfinished(seen: Instance) -> list:
    return [row for row in actions.get_by_instance(seen.uuid) if row["finish_time"] is None]


def test_an_action_begins(context, seen):
    attach(context, seen)
    assert [row["action"] for row in unfinished(seen)] == ["attach_volume"]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"task_state": "deleting"}, exception.UnexpectedTaskStateError),
        ({"task_state": "shelving_offloading"}, exception.UnexpectedTaskStateError),
        ({"vm_state": "shelved"}, exception.InstanceInvalidState),
        ({"deleted": True}, exception.InstanceNotFound),
    ],
)
def test_no_action_begins_if_the_server_has_changed(context, seen, change, refusal):
    instances = db.models.instances
    db.query.update(instances, change, instances.c.uuid == seen.uuid)
    with pytest.raises(refusal):
        attach(context, seen)
    assert unfinished(seen) == []
