"""Many rows of deleted servers, as after years of use. The database copies them itself.

Only for test clouds, and for MariaDB or MySQL.
"""

from __future__ import annotations

import sqlalchemy as sa

from nova_mini.db import instances, models
from nova_mini.db.session import writer

MARK = "r-deleted"  # the reservation ID of all rows, and the request ID of their actions
ACTIONS, EVENTS = 2, 2  # actions of each server, and events of each action
PART = 50_000  # rows in one statement

_SERVER = models.instances.c


def create(server_id: str, count: int) -> None:
    """Copy a deleted server until there are `count` copies, each deleted one second before the
    other, with actions and events."""
    _copy_server(server_id)
    made = 1
    while made < count:
        made += _copy_some(min(made, count - made, PART))
    for _ in range(ACTIONS):
        _each_part(_copy_actions)
    _each_part(_copy_events)


def _copy_server(server_id: str) -> None:
    row = dict(instances.get_by_uuid(server_id, read_deleted=True))
    del row["id"]
    with writer() as connection:
        values = {**row, "uuid": sa.func.uuid(), "reservation_id": MARK}
        connection.execute(models.instances.insert().values(values))


def _copy_some(limit: int) -> int:
    """Copy at most `limit` of the copies, with times before the oldest copy."""
    shifted = {"deleted_at", "updated_at", "created_at", "terminated_at", "launched_at"}
    columns = [column for column in models.instances.c if column.name != "id"]
    with writer() as connection:
        there = connection.execute(sa.select(sa.func.count()).where(*_copies())).scalar_one()

        def value(column: sa.Column) -> sa.ColumnElement:
            if column.name == "uuid":
                return sa.func.uuid()
            if column.name in shifted:
                return sa.func.date_sub(column, sa.text(f"INTERVAL {there} SECOND"))
            return column

        source = sa.select(*(value(column) for column in columns)).where(*_copies())
        source = source.order_by(_SERVER.id).limit(limit)
        names = [column.name for column in columns]
        return connection.execute(models.instances.insert().from_select(names, source)).rowcount


def _copies() -> list[sa.ColumnElement]:
    return [_SERVER.reservation_id == MARK]


def _each_part(copy) -> None:
    """Call `copy(connection, first, last)` with every range of IDs of the copies."""
    with writer() as connection:
        ends = sa.select(sa.func.min(_SERVER.id), sa.func.max(_SERVER.id)).where(*_copies())
        first, last = connection.execute(ends).one()
    for start in range(first, last + 1, PART):
        with writer() as connection:
            copy(connection, start, start + PART - 1)


def _copy_actions(connection: sa.Connection, first: int, last: int) -> None:
    columns = {
        "instance_uuid": _SERVER.uuid,
        "action": sa.literal("delete"),
        "request_id": sa.literal(MARK),
        "user_id": _SERVER.user_id,
        "project_id": _SERVER.project_id,
        "start_time": _SERVER.deleted_at,
        "finish_time": _SERVER.deleted_at,
        "created_at": _SERVER.deleted_at,
        "updated_at": _SERVER.deleted_at,
        "method": sa.literal("terminate_instance"),
        "attempts": sa.literal(1),
    }
    source = sa.select(*columns.values()).where(*_copies(), _SERVER.id.between(first, last))
    connection.execute(models.instance_actions.insert().from_select(list(columns), source))


def _copy_events(connection: sa.Connection, first: int, last: int) -> None:
    action = models.instance_actions.c
    columns = {
        "action_id": action.id,
        "event": sa.literal("compute__do_terminate_instance"),
        "start_time": action.start_time,
        "finish_time": action.finish_time,
        "created_at": action.created_at,
        "result": sa.literal("Success"),
    }
    source = (
        sa.select(*columns.values())
        .join_from(models.instances, models.instance_actions, action.instance_uuid == _SERVER.uuid)
        .where(*_copies(), _SERVER.id.between(first, last))
    )
    for _ in range(EVENTS):
        target = models.instance_actions_events.insert()
        connection.execute(target.from_select(list(columns), source))
