"""Servers: their rows, with conditional updates, and their tags and faults."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini import exception
from nova_mini.db import (
    allocations,
    instance_groups,
    open_migrations,
    project_usages,
    query,
    server_migrations,
)
from nova_mini.db.models import (
    block_device_mapping,
    instance_actions,
    instance_faults,
    instances,
    request_specs,
    tags,
)
from nova_mini.db.session import reader, writer
from nova_mini.states import vm_states


def create_many(rows: Sequence[Mapping[str, Any]]) -> None:
    query.insert_many(instances, rows)


def get_by_uuid(uuid: str, read_deleted: bool = False) -> Mapping | None:
    with reader() as connection:
        found = connection.execute(_by_uuid(read_deleted), {"of_uuid": uuid})
        return found.mappings().first()


@functools.cache
def _by_uuid(read_deleted: bool) -> sa.Select:
    """The statement of :func:`get_by_uuid`. Cached, because building it takes longer than running
    it."""
    statement = instances.select().where(instances.c.uuid == sa.bindparam("of_uuid"))
    return statement if read_deleted else statement.where(instances.c.deleted == sa.false())


def get_by_uuids(uuids: Collection[str]) -> list[Mapping]:
    return query.many(instances, instances.c.uuid.in_(uuids), instances.c.deleted == sa.false())


def get_by_host(host: str) -> list[Mapping]:
    return query.many(instances, instances.c.host == host, instances.c.deleted == sa.false())


def get_states(host: str) -> list[list]:
    """[uuid, vm_state, task_state, power_state] of each server of a host, without deleted ones."""
    with reader() as connection:
        return [list(row) for row in connection.execute(_STATES, {"of_host": host})]


# Built once, because every compute runs it every minute.
_STATES = sa.select(
    instances.c.uuid, instances.c.vm_state, instances.c.task_state, instances.c.power_state
).where(instances.c.host == sa.bindparam("of_host"), instances.c.deleted == sa.false())


def get_hosts(uuids: Collection[str]) -> dict[str, str | None]:
    """uuid -> host (None: no host) of the servers that are not deleted."""
    statement = sa.select(instances.c.uuid, instances.c.host).where(
        instances.c.uuid.in_(uuids), instances.c.deleted == sa.false()
    )
    with reader() as connection:
        return {row.uuid: row.host for row in connection.execute(statement)}


def get_names_and_states(uuid: str) -> Mapping | None:
    """vm_state, task_state and display_name of a server that is not deleted."""
    server = instances.c
    statement = sa.select(server.vm_state, server.task_state, server.display_name)
    with reader() as connection:
        found = connection.execute(
            statement.where(server.uuid == uuid, server.deleted == sa.false())
        )
        return found.mappings().first()


def get_in_error() -> list[Mapping]:
    """uuid, host and updated_at of every server with vm_state error, the oldest first."""
    server = instances.c
    statement = (
        sa.select(server.uuid, server.host, server.updated_at)
        .where(server.deleted == sa.false(), server.vm_state == "error")
        .order_by(server.id)
    )
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def get_stranded(before: datetime.datetime) -> list[Mapping]:
    """Servers that have a task_state but no unfinished action that would reset it, and that have
    not changed since ``before``."""
    return query.many(
        instances,
        instances.c.deleted == sa.false(),
        instances.c.task_state.is_not(None),
        sa.func.coalesce(instances.c.updated_at, instances.c.created_at) < before,
        ~has_unfinished(),
    )


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


def _may_write_network(claim: tuple[int, str]) -> sa.ColumnElement:
    """Whether the method may change the network information. During the other methods
    :func:`update_network_info` may change it."""
    action = instance_actions.c
    return sa.exists().where(action.id == claim[0], action.method.not_in(_KEEP_NETWORK))


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


# Methods that do not change the ports of a server and do not write its network information. They
# may take many minutes (an upload, a guest that does not answer), so a refresh does not wait for
# them.
_KEEP_NETWORK = (
    "attach_volume",
    "detach_volume",
    "live_migration",
    "remove_interface",
    "snapshot_instance",
    "swap_volume",
)


def update_network_info(uuid: str, network_info: str, expected_revision: int | None) -> None:
    """Write network information that was read from Neutron after the server had this revision.

    None: the revision is not known, and is not compared.

    An operation on the interfaces changes Neutron and the record one after the other, so what is
    read in between is wrong when it ends. For this reason nothing is written while such an
    operation is unfinished (raises InstanceBusy), or when one has begun or ended since then (raises
    InstanceChanged: read the server and Neutron again). Unchanged information is not written.
    Raises InstanceNotFound.
    """
    with writer():
        if lock_network_info(uuid)["network_info"] != network_info:
            values = {"network_info": network_info}
            update(uuid, values, expected_revision=expected_revision)


def lock_network_info(uuid: str) -> Mapping:
    """network_info, vm_state and host of a server. The row is locked until the transaction ends.

    Raises InstanceNotFound, InstanceBusy while an operation may change the interfaces.
    """
    server = instances.c
    busy = _network_is_changing().label("busy")
    statement = sa.select(server.network_info, server.vm_state, server.host, busy)
    statement = statement.where(server.uuid == uuid, server.deleted == sa.false())
    with writer() as connection:
        found = connection.execute(statement.with_for_update()).mappings().first()
    if found is None:
        raise exception.InstanceNotFound(instance_id=uuid)
    if found["busy"]:
        raise exception.InstanceBusy(instance_uuid=uuid)
    return found


def _network_is_changing() -> sa.ColumnElement:
    return sa.exists().where(
        instance_actions.c.instance_uuid == instances.c.uuid,
        instance_actions.c.finish_time.is_(None),
        instance_actions.c.method.not_in(_KEEP_NETWORK),
    )


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


def not_of_host(uuids: Collection[str], host: str) -> list[str]:
    """Those of ``uuids`` that are deleted, on another host, or shelved and on no host, and that
    have no unfinished action on ``host`` and no open migration from it or to it."""
    busy = sa.exists().where(
        instance_actions.c.instance_uuid == instances.c.uuid,
        instance_actions.c.host == host,
        instance_actions.c.finish_time.is_(None),
    )
    gone = sa.or_(
        instances.c.deleted == sa.true(),
        instances.c.host != host,
        sa.and_(instances.c.host.is_(None), instances.c.vm_state == "shelved_offloaded"),
    )
    owned = open_migrations.is_between(host)
    statement = sa.select(instances.c.uuid).where(instances.c.uuid.in_(uuids), gone, ~busy, ~owned)
    with reader() as connection:
        return list(connection.execute(statement).scalars())


def deleted_among(uuids: Collection[str]) -> list[str]:
    """Those of ``uuids`` that are deleted servers."""
    statement = sa.select(instances.c.uuid).where(
        instances.c.uuid.in_(uuids), instances.c.deleted == sa.true()
    )
    with reader() as connection:
        return list(connection.execute(statement).scalars())


def get_deletion_times(uuids: Collection[str]) -> dict[str, datetime.datetime | None]:
    """uuid -> the time of deletion, None if not deleted; without unknown UUIDs."""
    server, ends = instances.c, {}
    with reader() as connection:
        for some in query.parts(uuids):
            statement = sa.select(server.uuid, server.deleted, server.deleted_at)
            for row in connection.execute(statement.where(server.uuid.in_(some))):
                ends[row.uuid] = (row.deleted_at or query.now()) if row.deleted else None
    return ends


def iterate_idle() -> Iterator[Mapping]:
    """uuid and network_info of each server without an unfinished action. Reads them in parts."""
    server, last = instances.c, 0
    while True:
        statement = (
            sa.select(server.id, server.uuid, server.network_info)
            .where(server.id > last, server.deleted == sa.false(), ~has_unfinished())
            .order_by(server.id)
            .limit(query.PART)
        )
        with reader() as connection:
            rows = connection.execute(statement).mappings().all()
        yield from rows
        if len(rows) < query.PART:
            return
        last = rows[-1]["id"]


def has_unfinished() -> sa.ColumnElement:
    """A condition on a row of ``instances``: the server has an unfinished action."""
    return sa.exists().where(
        instance_actions.c.instance_uuid == instances.c.uuid,
        instance_actions.c.finish_time.is_(None),
    )


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


def change_security_groups(uuid: str, names_by_port: Mapping[str, list[str]]) -> None:
    """Replace the ``security_groups`` of the VIFs in ``network_info``. The row is locked before it
    is read. Raises InstanceNotFound."""
    server = instances.c
    with writer() as connection:
        statement = sa.select(server.network_info).where(
            server.uuid == uuid, server.deleted == sa.false()
        )
        found = connection.execute(statement.with_for_update()).scalar()
        if found is None:
            raise exception.InstanceNotFound(instance_id=uuid)
        vifs = json.loads(found)
        for vif in vifs:
            vif["security_groups"] = names_by_port.get(vif["id"], vif["security_groups"])
        update(uuid, {"network_info": json.dumps(vifs, separators=(",", ":"))})


def destroy(uuid: str) -> bool:
    """Mark the server deleted, and release its quota, allocation and records, in one transaction.

    Idempotent. Return whether this call deleted it.
    """
    stamp = query.now()
    with writer() as connection:
        row = connection.execute(_HELD, {"of_uuid": uuid}).first()
        if row is None:
            return False
        deleted = query.update(
            instances,
            {
                "deleted": True,
                "deleted_at": stamp,
                "terminated_at": row.terminated_at or stamp,
                "vm_state": "deleted",
                "task_state": None,
                "key_data": None,
                "user_data": None,
                **NEXT_REVISION,
            },
            instances.c.uuid == uuid,
            instances.c.deleted == sa.false(),
        )
        if not deleted:
            return False
        held = server_migrations.end_of_deleted(uuid) or row._mapping
        allocations.release(uuid)
        if row.vm_state != vm_states.SOFT_DELETED:
            project_usages.release(row.project_id, 1, held["vcpus"], held["memory_mb"])
        query.delete(request_specs, request_specs.c.instance_uuid == uuid)
        query.delete(block_device_mapping, block_device_mapping.c.instance_uuid == uuid)
        instance_groups.remove_members([uuid])
        connection.execute(tags.delete().where(tags.c.resource_id == uuid))
    return True


def release_quota(uuid: str) -> None:
    """Release the quota of a server, in the transaction that makes it soft-deleted."""
    with writer() as connection:
        row = connection.execute(_HELD, {"of_uuid": uuid}).one()
        project_usages.release(row.project_id, 1, row.vcpus, row.memory_mb)


def charge_if_soft_deleted(uuid: str) -> None:
    """Use the quota of a server again, without a check, in the transaction in which an
    administrator resets its state. Does nothing unless it is soft-deleted."""
    with writer() as connection:
        row = connection.execute(_HELD.with_for_update(), {"of_uuid": uuid}).first()
        if row is not None and row.vm_state == vm_states.SOFT_DELETED:
            project_usages.release(row.project_id, -1, -row.vcpus, -row.memory_mb)


def get_soft_deleted(before: datetime.datetime) -> list[str]:
    """UUIDs of the servers that were soft-deleted before then, the oldest first, that no action is
    changing now."""
    server = instances.c
    statement = sa.select(server.uuid).where(
        server.deleted_at < before,
        server.vm_state == vm_states.SOFT_DELETED,
        server.task_state.is_(None),
        server.deleted == sa.false(),
    )
    with reader() as connection:
        return list(connection.execute(statement.order_by(server.deleted_at)).scalars())


# What a server uses of its project's quota. A soft-deleted server uses none.
_HELD = sa.select(
    instances.c.project_id,
    instances.c.vcpus,
    instances.c.memory_mb,
    instances.c.terminated_at,
    instances.c.vm_state,
).where(instances.c.uuid == sa.bindparam("of_uuid"), instances.c.deleted == sa.false())


# -- tags and faults -----------------------------------------------------------------------------


def get_tags(uuids: Collection[str]) -> dict[str, list[str]]:
    """uuid -> sorted tags, for the servers that have any; one query."""
    found: dict[str, list[str]] = {}
    with reader() as connection:
        for uuid, tag in connection.execute(_TAGS, {"of_uuids": list(uuids)}):
            found.setdefault(uuid, []).append(tag)
    return found


_TAGS = (
    tags.select()
    .where(tags.c.resource_id.in_(sa.bindparam("of_uuids", expanding=True)))
    .order_by(tags.c.tag)
)


def set_tags(uuid: str, names: Sequence[str]) -> None:
    """Replace all tags of a server."""
    with writer() as connection:
        connection.execute(tags.delete().where(tags.c.resource_id == uuid))
        if names:
            rows = [{"resource_id": uuid, "tag": tag} for tag in dict.fromkeys(names)]
            connection.execute(tags.insert(), rows)


def add_tags(tags_of: Mapping[str, Sequence[str]]) -> None:
    """``tags_of``: uuid -> tags, of servers that have no tags yet."""
    rows = [
        {"resource_id": uuid, "tag": tag}
        for uuid, names in tags_of.items()
        for tag in dict.fromkeys(names)
    ]
    if rows:
        with writer() as connection:
            connection.execute(tags.insert(), rows)


def add_tag(uuid: str, tag: str) -> None:
    with contextlib.suppress(db_exc.DBDuplicateEntry), writer() as connection:
        connection.execute(tags.insert(), {"resource_id": uuid, "tag": tag})


def remove_tag(uuid: str, tag: str) -> None:
    query.delete(tags, tags.c.resource_id == uuid, tags.c.tag == tag)


def add_fault(values: Mapping[str, Any]) -> dict:
    return query.insert(instance_faults, values)


def get_latest_faults(uuids: Collection[str]) -> dict[str, Mapping]:
    """uuid -> newest fault, for the servers that have any; one query."""
    newest = (
        sa.select(sa.func.max(instance_faults.c.id))
        .where(instance_faults.c.instance_uuid.in_(uuids))
        .group_by(instance_faults.c.instance_uuid)
    )
    rows = query.many(instance_faults, instance_faults.c.id.in_(newest))
    return {row["instance_uuid"]: row for row in rows}
