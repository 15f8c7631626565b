"""Servers: their row, what stands beside it, and the conditional update that keeps it true."""

from __future__ import annotations

import contextlib
import datetime
import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini import exception
from nova_mini.db import allocations, project_usages, query
from nova_mini.db.models import (
    block_device_mapping,
    instance_actions,
    instance_faults,
    instances,
    request_specs,
    tags,
)
from nova_mini.db.session import reader, writer


def create_many(rows: Sequence[Mapping[str, Any]]) -> None:
    query.insert_many(instances, rows)


def get_by_uuid(uuid: str, read_deleted: bool = False) -> Mapping | None:
    with reader() as connection:
        found = connection.execute(_by_uuid(read_deleted), {"of_uuid": uuid})
        return found.mappings().first()


@functools.cache
def _by_uuid(read_deleted: bool) -> sa.Select:
    """Built once: to build it takes longer than to run it."""
    statement = instances.select().where(instances.c.uuid == sa.bindparam("of_uuid"))
    return statement if read_deleted else statement.where(instances.c.deleted.is_(False))


def get_by_uuids(uuids: Collection[str]) -> list[Mapping]:
    return query.many(instances, instances.c.uuid.in_(uuids), instances.c.deleted.is_(False))


def get_by_host(host: str) -> list[Mapping]:
    return query.many(instances, instances.c.host == host, instances.c.deleted.is_(False))


def get_states(host: str) -> list[list]:
    """[uuid, vm_state, task_state, power_state] of each living server of a host."""
    with reader() as connection:
        return [list(row) for row in connection.execute(_STATES, {"of_host": host})]


# Asked by every host each minute: built once.
_STATES = sa.select(
    instances.c.uuid, instances.c.vm_state, instances.c.task_state, instances.c.power_state
).where(instances.c.host == sa.bindparam("of_host"), instances.c.deleted.is_(False))


def get_hosts(uuids: Collection[str]) -> dict[str, str | None]:
    statement = sa.select(instances.c.uuid, instances.c.host).where(
        instances.c.uuid.in_(uuids), instances.c.deleted.is_(False)
    )
    with reader() as connection:
        return {row.uuid: row.host for row in connection.execute(statement)}


def get_in_error() -> list[Mapping]:
    """uuid, host, updated_at of every living server in the state error, the oldest first."""
    server = instances.c
    statement = (
        sa.select(server.uuid, server.host, server.updated_at)
        .where(server.deleted.is_(False), server.vm_state == "error")
        .order_by(server.id)
    )
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def get_stranded(before: datetime.datetime) -> list[Mapping]:
    """Living servers with a task_state, unchanged since then, that no action would ever end."""
    return query.many(
        instances,
        instances.c.deleted.is_(False),
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
) -> None:
    """Change a living server's row, if it is still as the caller believes.

    ``claim`` is (action id, owner): the change is made only while that owner holds that action, so
    that a process that lost its work to another can never write over the other's.
    Raises InstanceNotFound, UnexpectedTaskStateError, InstanceInvalidState, InstanceOwnershipLost.
    """
    if claim is not None and expected_task_state is not None:
        # A save that is sent again because its answer was lost finds its own value there.
        accepted_task_state = {*expected_task_state, values["task_state"]}
    else:
        accepted_task_state = expected_task_state
    where = _as_expected(uuid, accepted_task_state, expected_vm_state)
    if claim is not None:
        where.append(_is_held(claim))
        if "task_state" in values:
            values = {**values, "task_state": _unless_reboot_waits(claim, values["task_state"])}
    if not query.update(instances, values, *where):
        _explain_refusal(uuid, expected_task_state, expected_vm_state)


def hold(
    uuid: str,
    expected_task_state: Collection[str | None] | None,
    expected_vm_state: Collection[str] | None,
) -> None:
    """A living server stays as the caller believes until the transaction ends, in which something
    is begun that does not change it. Raises as :func:`update`."""
    where = _as_expected(uuid, expected_task_state, expected_vm_state)
    with writer() as connection:
        statement = sa.select(instances.c.id).where(*where).with_for_update()
        if connection.execute(statement).first() is None:
            _explain_refusal(uuid, expected_task_state, expected_vm_state)


def _as_expected(
    uuid: str,
    task_states: Collection[str | None] | None,
    vm_states: Collection[str] | None,
) -> list[sa.ColumnElement]:
    where = [instances.c.uuid == uuid, instances.c.deleted.is_(False)]
    if task_states is not None:
        where.append(_one_of(instances.c.task_state, task_states))
    if vm_states is not None:
        where.append(instances.c.vm_state.in_(vm_states))
    return where


def _one_of(column: sa.Column, values: Collection) -> sa.ColumnElement:
    named = column.in_([value for value in values if value is not None])
    return sa.or_(named, column.is_(None)) if None in values else named


def _is_held(claim: tuple[int, str]) -> sa.ColumnElement:
    action_id, owner = claim
    return sa.exists().where(
        instance_actions.c.id == action_id,
        instance_actions.c.owner == owner,
        instance_actions.c.finish_time.is_(None),
    )


def _unless_reboot_waits(claim: tuple[int, str], task_state: str | None) -> sa.ColumnElement:
    """A hard reboot may be asked of a server that has a task: it tells of itself until its turn
    comes, whatever becomes of that task."""
    actions = instance_actions.c
    asked_later = sa.exists().where(
        actions.instance_uuid == instances.c.uuid,
        actions.id > claim[0],
        actions.action == "reboot",
        actions.finish_time.is_(None),
    )
    waits = sa.and_(instances.c.task_state == "rebooting_hard", asked_later)
    return sa.case((waits, instances.c.task_state), else_=task_state)


def _explain_refusal(uuid, expected_task_state, expected_vm_state) -> None:
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
    raise exception.InstanceOwnershipLost(instance_uuid=uuid, host=row["host"])


def update_network_info(uuid: str, network_info: str) -> None:
    """Only when it is news: most refreshes find what is known."""
    query.update(
        instances,
        {"network_info": network_info},
        instances.c.uuid == uuid,
        instances.c.deleted.is_(False),
        instances.c.network_info != network_info,
    )


def not_of_host(uuids: Collection[str], host: str) -> list[str]:
    """Servers that are deleted, on another host or taken off their host, and of which this host has
    nothing to do."""
    busy = sa.exists().where(
        instance_actions.c.instance_uuid == instances.c.uuid,
        instance_actions.c.host == host,
        instance_actions.c.finish_time.is_(None),
    )
    gone = sa.or_(
        instances.c.deleted.is_(True),
        instances.c.host != host,
        sa.and_(instances.c.host.is_(None), instances.c.vm_state == "shelved_offloaded"),
    )
    statement = sa.select(instances.c.uuid).where(instances.c.uuid.in_(uuids), gone, ~busy)
    with reader() as connection:
        return list(connection.execute(statement).scalars())


def deleted_among(uuids: Collection[str]) -> list[str]:
    """Which of these were servers of ours and are deleted."""
    statement = sa.select(instances.c.uuid).where(
        instances.c.uuid.in_(uuids), instances.c.deleted.is_(True)
    )
    with reader() as connection:
        return list(connection.execute(statement).scalars())


def get_ends(uuids: Collection[str]) -> dict[str, datetime.datetime | None]:
    """When each of these was deleted, None for the living; who was never ours is not in it."""
    server, ends = instances.c, {}
    with reader() as connection:
        for some in query.parts(uuids):
            statement = sa.select(server.uuid, server.deleted, server.deleted_at)
            for row in connection.execute(statement.where(server.uuid.in_(some))):
                ends[row.uuid] = (row.deleted_at or query.now()) if row.deleted else None
    return ends


def iterate_idle() -> Iterator[Mapping]:
    """uuid and network_info of each living server on which nobody is at work, some at a time."""
    server, last = instances.c, 0
    while True:
        statement = (
            sa.select(server.id, server.uuid, server.network_info)
            .where(server.id > last, server.deleted.is_(False), ~has_unfinished())
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
    """Of a row of ``instances``: whether some action of it is still to be done."""
    return sa.exists().where(
        instance_actions.c.instance_uuid == instances.c.uuid,
        instance_actions.c.finish_time.is_(None),
    )


def change_metadata(
    uuid: str, added: Mapping[str, str], removed: Collection[str] | None, allowed: int
) -> dict[str, str]:
    """See ``Instance.change_metadata``; the row is locked between look and change.

    Raises InstanceNotFound, OverQuota.
    """
    with writer() as connection:
        statement = sa.select(instances.c.metadata).where(
            instances.c.uuid == uuid, instances.c.deleted.is_(False)
        )
        found = connection.execute(statement.with_for_update()).first()
        if found is None:
            raise exception.InstanceNotFound(instance_id=uuid)
        kept = {} if removed is None else {k: v for k, v in found[0].items() if k not in removed}
        wanted = {**kept, **added}
        if 0 <= allowed < len(wanted):
            raise exception.OverQuota(f"Maximum number of metadata items exceeds {allowed}")
        update(uuid, {"metadata": wanted})
    return wanted


def destroy(uuid: str) -> bool:
    """Mark the server deleted and give back all that it held, in one transaction.

    Returns whether this call did it: a server is given back once, however often this is called.
    """
    stamp = query.now()
    with writer() as connection:
        row = connection.execute(_HELD, {"of_uuid": uuid}).first()
        if row is None:
            return False
        gone = query.update(
            instances,
            {
                "deleted": True,
                "deleted_at": stamp,
                "terminated_at": row.terminated_at or stamp,
                "vm_state": "deleted",
                "task_state": None,
                "key_data": None,
                "user_data": None,
            },
            instances.c.uuid == uuid,
            instances.c.deleted.is_(False),
        )
        if not gone:
            return False
        allocations.release(uuid)
        project_usages.release(row.project_id, 1, row.vcpus, row.memory_mb)
        query.delete(request_specs, request_specs.c.instance_uuid == uuid)
        query.delete(block_device_mapping, block_device_mapping.c.instance_uuid == uuid)
        connection.execute(tags.delete().where(tags.c.resource_id == uuid))
    return True


# What a server holds of its project's quota.
_HELD = sa.select(
    instances.c.project_id, instances.c.vcpus, instances.c.memory_mb, instances.c.terminated_at
).where(instances.c.uuid == sa.bindparam("of_uuid"), instances.c.deleted.is_(False))


# -- beside the row ------------------------------------------------------------------------------


def get_tags(uuids: Collection[str]) -> dict[str, list[str]]:
    """uuid -> its tags in order, for those that have any; one query."""
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


def set_tags(uuid: str, wanted: Sequence[str]) -> None:
    with writer() as connection:
        connection.execute(tags.delete().where(tags.c.resource_id == uuid))
        if wanted:
            rows = [{"resource_id": uuid, "tag": tag} for tag in dict.fromkeys(wanted)]
            connection.execute(tags.insert(), rows)


def add_tags(tags_of: Mapping[str, Sequence[str]]) -> None:
    """``tags_of``: uuid of a server that has none yet -> its tags."""
    rows = [
        {"resource_id": uuid, "tag": tag}
        for uuid, wanted in tags_of.items()
        for tag in dict.fromkeys(wanted)
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
    """uuid -> its newest fault, for those that have any; one query."""
    newest = (
        sa.select(sa.func.max(instance_faults.c.id))
        .where(instance_faults.c.instance_uuid.in_(uuids))
        .group_by(instance_faults.c.instance_uuid)
    )
    rows = query.many(instance_faults, instance_faults.c.id.in_(newest))
    return {row["instance_uuid"]: row for row in rows}
