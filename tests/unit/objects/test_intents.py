"""What is asked of a server is begun while the server is as the asker saw it, or not at all."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from nova_mini.db import actions
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from tests.unit.db import records


@pytest.fixture
def seen(context, database) -> Instance:
    """A server that runs, as a request has read it."""
    return Instance.get_by_uuid(context, records.add_server(vm_state="active", host="h1"))


def attach(context, seen: Instance) -> InstanceAction:
    """Nothing of the server's record changes with it."""
    return InstanceAction.begin(
        context, seen, "attach_volume", method="attach_volume", host="h1", args={},
        expected_vm_state=["active"],
    )  # fmt: skip


def unfinished(seen: Instance) -> list:
    return [row for row in actions.get_by_instance(seen.uuid) if row["finish_time"] is None]


def test_it_is_begun(context, seen):
    attach(context, seen)
    assert [row["action"] for row in unfinished(seen)] == ["attach_volume"]


@pytest.mark.parametrize(
    ("meanwhile", "refusal"),
    [
        ({"task_state": "deleting"}, exception.UnexpectedTaskStateError),
        ({"task_state": "shelving_offloading"}, exception.UnexpectedTaskStateError),
        ({"vm_state": "shelved"}, exception.InstanceInvalidState),
        ({"deleted": True}, exception.InstanceNotFound),
    ],
)
def test_a_server_that_is_otherwise_by_now_is_left_alone(context, seen, meanwhile, refusal):
    instances = db.models.instances
    db.query.update(instances, meanwhile, instances.c.uuid == seen.uuid)
    with pytest.raises(refusal):
        attach(context, seen)
    assert unfinished(seen) == []
