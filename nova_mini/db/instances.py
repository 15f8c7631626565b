"""Servers: their rows, without changes of them.

A change is in :mod:`.instance_updates`, the deletion in :mod:`.instance_deletion`.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nova_mini.db import open_migrations, query
from nova_mini.db.models import instance_actions, instances
from nova_mini.db.session import reader


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
