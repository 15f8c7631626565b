"""Intents: what was asked of a server, kept until it is done.

The life of a row: *begun* by the API in the transaction that sets the server's task_state; *sent*
as a message, which is only a hint; *claimed* by the process that does it; perhaps *handed over* (a
conductor has chosen a host); *finished*, when its arguments, which may hold secrets, are erased.
A row that is begun and has no living owner is sent again, by the conductors' reconcile and by a
compute that starts.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db import query, recoveries
from nova_mini.db.models import instance_actions, instance_actions_events, services
from nova_mini.db.session import reader, writer

_ACTION = instance_actions.c
_EVENT = instance_actions_events.c


# -- what the user sees --------------------------------------------------------------------------


def get_by_instance(
    instance_uuid: str,
    limit: int | None = None,
    marker: str | None = None,
    changes_since: datetime.datetime | None = None,
    changes_before: datetime.datetime | None = None,
) -> list[Mapping]:
    """Newest first; ``marker`` is the request id of the last one of the page before.

    Raises MarkerNotFound.
    """
    where = [_ACTION.instance_uuid == instance_uuid]
    if changes_since:
        where.append(sa.func.coalesce(_ACTION.updated_at, _ACTION.created_at) >= changes_since)
    if changes_before:
        where.append(sa.func.coalesce(_ACTION.updated_at, _ACTION.created_at) <= changes_before)
    if marker:
        last = get_by_request_id(instance_uuid, marker)
        if last is None:
            raise exception.MarkerNotFound(marker=marker)
        where.append(_ACTION.id < last["id"])
    statement = instance_actions.select().where(*where).order_by(_ACTION.id.desc()).limit(limit)
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def get_by_request_id(instance_uuid: str, request_id: str) -> Mapping | None:
    return query.one(
        instance_actions,
        _ACTION.instance_uuid == instance_uuid,
        _ACTION.request_id == request_id,
    )


def get_of_kinds(instance_uuids: Collection[str], actions: Collection[str]) -> list[Mapping]:
    """Every action of these names (as "createImage") of these servers."""
    return query.many(
        instance_actions, _ACTION.instance_uuid.in_(instance_uuids), _ACTION.action.in_(actions)
    )


def get_events(action_ids: Collection[int]) -> list[Mapping]:
    return query.many(
        instance_actions_events, _EVENT.action_id.in_(action_ids), order_by=[_EVENT.id]
    )


# -- the life of an intent -----------------------------------------------------------------------


def get(action_id: int) -> Mapping | None:
    with reader() as connection:
        return connection.execute(_BY_ID, {"of_id": action_id}).mappings().first()


# What every operation needs is built once: to build a statement takes longer than to run it.
_BY_ID = instance_actions.select().where(_ACTION.id == sa.bindparam("of_id"))


def begin(values: Mapping[str, Any]) -> dict:
    """``values``: instance_uuid, action, request_id, user_id, project_id, method, args, host.

    An action without ``method`` records what the API did at once: it is finished when it is begun.
    """
    stamp = query.now()
    row = {"start_time": stamp, "sent_at": stamp, **values}
    if not values.get("method"):
        row["finish_time"] = stamp
    return query.insert(instance_actions, row)


def begin_many(values: Sequence[Mapping[str, Any]]) -> list[Mapping]:
    """The same for the create actions of new servers; the rows in the order of ``values``."""
    if len(values) == 1:
        return [begin(values[0])]
    stamp = query.now()
    query.insert_many(
        instance_actions, [{"start_time": stamp, "sent_at": stamp, **each} for each in values]
    )
    return first_of([each["instance_uuid"] for each in values])


def first_of(instance_uuids: Sequence[str]) -> list[Mapping]:
    """The action that made each server, in the order of ``instance_uuids``."""
    rows = query.many(
        instance_actions, _ACTION.instance_uuid.in_(instance_uuids), _ACTION.action == "create"
    )
    by_uuid = {row["instance_uuid"]: row for row in rows}
    return [by_uuid[uuid] for uuid in instance_uuids]


def claim(action_id: int, owner: str, host: str | None) -> Mapping | None:
    """Make ``owner`` (an incarnation) the doer of this action at ``host`` (None: a conductor).

    Returns the row, or None when there is nothing to do for this caller: the action is finished,
    meant for another host, or in the hands of another living process, or the caller's name is. An
    owner may claim again what it owns (the answer to its first claim was lost): it knows by itself
    what it is doing.
    """
    parameters = {"of_id": action_id, "for_owner": owner, "stamp": query.now()}
    if host is not None:
        parameters["of_host"] = host
    with writer() as connection:
        claimed = connection.execute(_claiming(host is not None), parameters).rowcount
        return get(action_id) if claimed else None


@functools.cache
def _claiming(at_a_host: bool) -> sa.Update:
    owner = sa.bindparam("for_owner")
    return (
        instance_actions.update()
        .where(
            _ACTION.id == sa.bindparam("of_id"),
            _ACTION.finish_time.is_(None),
            _ACTION.host == sa.bindparam("of_host") if at_a_host else _ACTION.host.is_(None),
            sa.or_(_is_abandoned(), _ACTION.owner == owner),
            sa.exists().where(services.c.incarnation == owner),
        )
        .ordered_values(  # MariaDB would compare with the new owner if that came first
            (_ACTION.attempts, _ACTION.attempts + sa.case((_ACTION.owner == owner, 0), else_=1)),
            (_ACTION.owner, owner),
            (_ACTION.updated_at, sa.bindparam("stamp")),
        )
    )


def _is_abandoned() -> sa.ColumnElement:
    """Nobody owns it, or an incarnation that is no more.

    A process that restarts writes a new incarnation over its old one, so what its predecessor
    owned is free at once. One that is only silent keeps what it owns: it may still be at it.
    """
    registered = sa.select(services.c.incarnation)
    return sa.or_(_ACTION.owner.is_(None), _ACTION.owner.not_in(registered))


def hand_over(action_id: int, owner: str, values: Mapping[str, Any]) -> bool:
    """Give a claimed action to where it goes on: ``values`` are its new host, method and args."""
    return bool(
        query.update(
            instance_actions,
            {"owner": None, "sent_at": query.now(), **values},
            _ACTION.id == action_id,
            _ACTION.owner == owner,
            _ACTION.finish_time.is_(None),
        )
    )


def take_away(action_id: int, dead_owner: str | None, values: Mapping[str, Any]) -> bool:
    """Give an abandoned action to another place; False when somebody has it meanwhile."""
    owned = _ACTION.owner.is_(None) if dead_owner is None else _ACTION.owner == dead_owner
    return bool(
        query.update(
            instance_actions,
            {"owner": None, "sent_at": query.now(), **values},
            _ACTION.id == action_id,
            owned,
            _ACTION.finish_time.is_(None),
        )
    )


def finish(action_id: int, owner: str | None, message: str | None = None) -> bool:
    """The end of an action (``message`` "Error" when it failed); its arguments are erased."""
    where = [_ACTION.id == action_id, _ACTION.finish_time.is_(None)]
    if owner is not None:
        where.append(_ACTION.owner == owner)
    done = {"finish_time": query.now(), "message": message, "args": None, "owner": None}
    return bool(query.update(instance_actions, done, *where))


def supersede(instance_uuid: str, but: int | None = None) -> None:
    """End every action of a server ``but`` the one that takes their place; their doers notice at
    their next save."""
    where = [_ACTION.instance_uuid == instance_uuid, _ACTION.finish_time.is_(None)]
    if but is not None:
        where.append(_ACTION.id != but)
    ended = {"finish_time": query.now(), "message": "Error", "args": None, "owner": None}
    if query.update(instance_actions, ended, *where):
        others = sa.select(_ACTION.id).where(_ACTION.instance_uuid == instance_uuid)
        if but is not None:
            others = others.where(_ACTION.id != but)
        recoveries.end_open_events(others, "Superseded by what was asked of the server since.")


def get_unfinished(incarnation: str) -> list[Mapping] | None:
    """What the host of this compute was asked to do and has not done, oldest first: id, method,
    instance_uuid and whose request it was. None when no service is of this incarnation (any more).
    """
    with reader() as connection:
        rows = connection.execute(_UNFINISHED, {"of_incarnation": incarnation}).mappings().all()
    return [row for row in rows if row["id"] is not None] if rows else None


# A row of nothing for a service that has nothing to do.
_UNFINISHED = (
    sa.select(
        _ACTION.id, _ACTION.method, _ACTION.instance_uuid,
        _ACTION.user_id, _ACTION.project_id, _ACTION.request_id,
    )
    .select_from(services)
    .outerjoin(
        instance_actions,
        sa.and_(
            services.c.topic == "compute",
            _ACTION.host == services.c.host,
            _ACTION.finish_time.is_(None),
        ),
    )
    .where(services.c.incarnation == sa.bindparam("of_incarnation"))
    .order_by(_ACTION.id)
)  # fmt: skip


def get_abandoned(sent_before: datetime.datetime) -> list[Mapping]:
    """Unfinished actions that no registered process owns and that were last sent before then."""
    return query.many(
        instance_actions,
        _ACTION.finish_time.is_(None),
        _ACTION.sent_at < sent_before,
        _is_abandoned(),
        order_by=[_ACTION.id],
    )


def get_ownerless(begun_before: datetime.datetime, living: Collection[str]) -> list[Mapping]:
    """Unfinished actions that none of the ``living`` incarnations owns, oldest first; without
    their arguments, which may hold secrets."""
    columns = [column for column in instance_actions.c if column is not _ACTION.args]
    statement = (
        sa.select(*columns)
        .where(
            _ACTION.finish_time.is_(None),
            _ACTION.start_time < begun_before,
            sa.or_(_ACTION.owner.is_(None), _ACTION.owner.not_in(living)),
        )
        .order_by(_ACTION.id)
    )
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def has_earlier(instance_uuid: str, action_id: int) -> bool:
    """Whether an action of the server is still to be done that was begun before that one."""
    earlier = sa.exists().where(
        _ACTION.instance_uuid == instance_uuid,
        _ACTION.id < action_id,
        _ACTION.finish_time.is_(None),
    )
    with reader() as connection:
        return bool(connection.execute(sa.select(earlier)).scalar())


def get_owned(owner: str) -> list[Mapping]:
    """The unfinished actions of one process."""
    return query.many(
        instance_actions,
        _ACTION.finish_time.is_(None),
        _ACTION.owner == owner,
        order_by=[_ACTION.id],
    )


def mark_sent(action_ids: Collection[int]) -> None:
    query.update(instance_actions, {"sent_at": query.now()}, _ACTION.id.in_(action_ids))


# -- events --------------------------------------------------------------------------------------


def event_start(action_id: int, event: str, host: str) -> None:
    query.insert(
        instance_actions_events,
        {"action_id": action_id, "event": event, "start_time": query.now(), "host": host},
    )


def event_finish(
    action_id: int,
    event: str,
    result: str,
    traceback: str | None = None,
    details: str | None = None,
) -> None:
    """``result`` is Success or Error. Ends every open run: a killed process left its own."""
    ended = {"stamp": query.now(), "is": result, "trace": traceback, "told": details}
    with writer() as connection:
        connection.execute(_END_OF_EVENT, {"of_action": action_id, "of_event": event, **ended})


_END_OF_EVENT = (
    instance_actions_events.update()
    .where(
        _EVENT.action_id == sa.bindparam("of_action"),
        _EVENT.event == sa.bindparam("of_event"),
        _EVENT.finish_time.is_(None),
    )
    .values(
        updated_at=sa.bindparam("stamp"),
        finish_time=sa.bindparam("stamp"),
        result=sa.bindparam("is"),
        traceback=sa.bindparam("trace"),
        details=sa.bindparam("told"),
    )
)


def record_steps(action_ids: Sequence[int], host: str, steps: Sequence) -> None:
    """The same ``steps`` for each action: [name, start, finish] of those that are over, in ISO
    times of who did them."""
    query.insert_many(
        instance_actions_events,
        [
            {
                "action_id": action_id,
                "event": name,
                "host": host,
                "start_time": datetime.datetime.fromisoformat(start),
                "finish_time": datetime.datetime.fromisoformat(finish),
                "result": "Success",
            }
            for action_id in action_ids
            for name, start, finish in steps
        ],
    )


def busy_among(instance_uuids: Collection[str]) -> set[str]:
    """Those servers on which some action is still to be done."""
    busy: set[str] = set()
    with reader() as connection:
        for some in query.parts(instance_uuids):
            statement = sa.select(_ACTION.instance_uuid).where(
                _ACTION.instance_uuid.in_(some), _ACTION.finish_time.is_(None)
            )
            busy.update(connection.execute(statement).scalars())
    return busy
