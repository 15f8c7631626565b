"""Changes of the row of a server, each with its conditions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db import query
from nova_mini.db.instances import get_by_uuid
from nova_mini.db.models import instance_actions, instances
from nova_mini.db.session import writer


def update(
    uuid: str,
    values: Mapping[str, Any],
    *,
    expected_task_state: Collection[str | None] | None = None,
    expected_vm_state: Collection[str] | None = None,
    claim: tuple[int, str] | None = None,
    expected_revision: int | None = None,
) -> None:
    """Update the row of a server that is not deleted, if all conditions are met.

    ``claim``: (action ID, owner). The owner must still own the unfinished action, so that a process
    that has lost an action cannot overwrite the changes of the new owner. ``expected_revision``:
    the row must not have changed since it had this revision, and no action may have begun or ended.
    Raises InstanceNotFound, UnexpectedTaskStateError, InstanceInvalidState, InstanceChanged,
    InstanceOwnershipLost.
    """
    accepted_task_state: Collection[str | None] | None = expected_task_state
    if claim is not None and expected_task_state is not None:
        # When a save is retried because its reply was lost, the row has the new value already.
        accepted_task_state = {*expected_task_state, values["task_state"]}
    where = _as_expected(uuid, accepted_task_state, expected_vm_state)
    if claim is not None:
        where.append(_is_owned(claim))
        if "network_info" in values:
            where.append(_may_write_network(claim))
        if "task_state" in values:
            task_state = _unless_hard_reboot_is_pending(claim, values["task_state"])
            values = {**values, "task_state": task_state}
    if expected_revision is not None:
        where.append(instances.c.revision == expected_revision)
    if not query.update(instances, {**values, **NEXT_REVISION}, *where):
        _explain_refusal(uuid, expected_task_state, expected_vm_state, expected_revision)


# Every UPDATE of ``instances`` must contain it: writers without a claim compare the revision.
NEXT_REVISION = {"revision": instances.c.revision + 1}


def touch(
    uuid: str,
    expected_task_state: Collection[str | None] | None = None,
    expected_vm_state: Collection[str] | None = None,
) -> None:
    """Increase the revision of a server, and change nothing else.

    Called in the transaction that begins or ends an action without changing the server. Then
    writers without a claim that have read the server before are refused. The row stays locked until
    the transaction ends. Raises as :func:`update`.
    """
    update(uuid, {}, expected_task_state=expected_task_state, expected_vm_state=expected_vm_state)


def _as_expected(
    uuid: str,
    task_states: Collection[str | None] | None,
    vm_states: Collection[str] | None,
) -> list[sa.ColumnElement]:
    where = [instances.c.uuid == uuid, instances.c.deleted == sa.false()]
    if task_states is not None:
        where.append(_one_of(instances.c.task_state, task_states))
    if vm_states is not None:
        where.append(instances.c.vm_state.in_(vm_states))
    return where


def _one_of(column: sa.Column, values: Collection) -> sa.ColumnElement:
    named = column.in_([value for value in values if value is not None])
    return sa.or_(named, column.is_(None)) if None in values else named


def _is_owned(claim: tuple[int, str]) -> sa.ColumnElement:
    action_id, owner = claim
    return sa.exists().where(
        instance_actions.c.id == action_id,
        instance_actions.c.owner == owner,
        instance_actions.c.finish_time.is_(None),
    )


# Methods that do not change the ports of a server and do not write its network information. They
# may take many minutes (an upload, a guest that does not answer), so a refresh does not wait for
# them.
KEEP_NETWORK = (
    "attach_volume",
    "detach_volume",
    "live_migration",
    "remove_interface",
    "snapshot_instance",
    "swap_volume",
)


def _may_write_network(claim: tuple[int, str]) -> sa.ColumnElement:
    """Whether the method may change the network information. During the other methods
    :func:`.update_network_info` may change it."""
    action = instance_actions.c
    return sa.exists().where(action.id == claim[0], action.method.not_in(KEEP_NETWORK))


def _unless_hard_reboot_is_pending(
    claim: tuple[int, str], task_state: str | None
) -> sa.ColumnElement:
    """The new task state. But a hard reboot may be requested while another operation runs: then the
    task state stays rebooting_hard until the hard reboot ends."""
    actions = instance_actions.c
    requested_later = sa.exists().where(
        actions.instance_uuid == instances.c.uuid,
        actions.id > claim[0],
        actions.action == "reboot",
        actions.finish_time.is_(None),
    )
    pending = sa.and_(instances.c.task_state == "rebooting_hard", requested_later)
    return sa.case((pending, instances.c.task_state), else_=task_state)


def _explain_refusal(
    uuid: str,
    expected_task_state: Collection[str | None] | None,
    expected_vm_state: Collection[str] | None,
    expected_revision: int | None,
) -> NoReturn:
    """Raise the exception for the condition that the row does not meet."""
    row = get_by_uuid(uuid)
    if row is None:
        raise exception.InstanceNotFound(instance_id=uuid)
    if expected_task_state is not None and row["task_state"] not in expected_task_state:
        raise exception.UnexpectedTaskStateError(
            instance_uuid=uuid, expected=list(expected_task_state), actual=row["task_state"]
        )
    if expected_vm_state is not None and row["vm_state"] not in expected_vm_state:
        raise exception.InstanceInvalidState(
            method="update", instance_uuid=uuid, attr="vm_state", state=row["vm_state"]
        )
    if expected_revision is not None and row["revision"] != expected_revision:
        raise exception.InstanceChanged(instance_uuid=uuid)
    raise exception.InstanceOwnershipLost(instance_uuid=uuid, host=row["host"])


def change_system_metadata(
    uuid: str, added: Mapping[str, str], removed: Collection[str]
) -> dict[str, str]:
    """The changed system metadata. The row is locked until the transaction ends.

    Called by :meth:`Instance.columns`, in the transaction that writes it. Raises InstanceNotFound.
    """
    with writer() as connection:
        statement = sa.select(instances.c.system_metadata).where(
            instances.c.uuid == uuid, instances.c.deleted == sa.false()
        )
        found = connection.execute(statement.with_for_update()).first()
    if found is None:
        raise exception.InstanceNotFound(instance_id=uuid)
    kept = {name: value for name, value in found[0].items() if name not in removed}
    return {**kept, **added}


def change_metadata(
    uuid: str, added: Mapping[str, str], removed: Collection[str] | None, allowed: int
) -> dict[str, str]:
    """See ``Instance.change_metadata``. The row is locked before it is read.

    Raises InstanceNotFound, OverQuota.
    """
    with writer() as connection:
        statement = sa.select(instances.c.metadata).where(
            instances.c.uuid == uuid, instances.c.deleted == sa.false()
        )
        found = connection.execute(statement.with_for_update()).first()
        if found is None:
            raise exception.InstanceNotFound(instance_id=uuid)
        kept = {} if removed is None else {k: v for k, v in found[0].items() if k not in removed}
        metadata = {**kept, **added}
        if 0 <= allowed < len(metadata):
            raise exception.OverQuota(f"Maximum number of metadata items exceeds {allowed}")
        update(uuid, {"metadata": metadata})
    return metadata
