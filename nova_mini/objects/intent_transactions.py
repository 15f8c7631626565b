"""The transactions in which actions begin and end outside of their operations.

Each writes the action together with the server, so that a process that dies leaves both or none.
Called by :class:`nova_mini.objects.instance_action.InstanceAction`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from nova_mini import db
from nova_mini.context import RequestContext
from nova_mini.objects import instance_changes
from nova_mini.objects.instance import Instance
from nova_mini.objects.network_model import NetworkInfo

Row = Mapping[str, Any]  # of a table
# Makes the arguments of an action that ends other actions, from the rows of those.
Absorb = Callable[[Sequence[Row]], dict[str, Any]]


def begin(
    instance: Instance,
    values: dict[str, Any],
    absorb: Absorb | None,
    with_records: Callable[[], object] | None,
    expected_task_state: Collection[str | None] | None,
    expected_vm_state: Collection[str] | None,
) -> Row:
    """See :meth:`.InstanceAction.begin`. ``values``: the columns of the action. Returns its row."""
    with db.session.writer():
        expected = {
            "expected_task_state": expected_task_state,
            "expected_vm_state": expected_vm_state,
        }
        changes = instance.columns()
        instance_changes.report(instance, changes)
        if changes:
            db.instance_updates.update(instance.uuid, changes, **expected)
        else:
            db.instance_updates.touch(instance.uuid, **expected)
        if with_records is not None:
            with_records()
        if absorb is None:
            return db.actions.begin(values)
        ended = db.actions.get_unfinished_of_instance(instance.uuid)
        row = db.actions.begin({**values, "args": absorb(ended)})
        db.actions.supersede(instance.uuid, but=row["id"])
    return row


def begin_removal(
    context: RequestContext, instance_uuid: str, port_id: str, expected_vm_state: list[str]
) -> Row | None:
    """See :meth:`.InstanceAction.begin_removal`."""
    with db.session.writer():
        found = db.instance_networks.lock_network_info(instance_uuid)
        known = NetworkInfo.from_json(found["network_info"])
        vif = known.get(port_id)
        if vif is None:
            return None
        left = NetworkInfo(other for other in known if other.id != port_id)
        values = {"network_info": left.to_json()}
        db.instance_updates.update(instance_uuid, values, expected_vm_state=expected_vm_state)
        return db.actions.begin(
            {
                "instance_uuid": instance_uuid,
                "action": "detach_interface",
                "request_id": context.request_id,
                "user_id": context.user_id,
                "project_id": context.project_id,
                "method": "remove_interface",
                "host": found["host"],
                "args": {"vif": vif.to_dict()},
            }
        )


def abandon(action_id: int, instance: Instance, began_with: str | None) -> None:
    """See :meth:`.InstanceAction.abandon`. ``began_with``: the task_state of the action."""
    with db.session.writer():
        if db.actions.finish(action_id, None, "Error") and began_with is not None:
            instance.write(expected_task_state=began_with)


def reset(instance: Instance) -> None:
    """See :meth:`.InstanceAction.reset`."""
    with db.session.writer():
        db.actions.supersede(instance.uuid)
        db.instance_deletion.charge_if_soft_deleted(instance.uuid)
        instance.write()
