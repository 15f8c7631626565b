"""Queries of actions: what was requested of a server, stored until it is done.

The life of a row: *begun* by the API in the transaction that sets the server's task_state; *sent*
as a message, which may be lost; *claimed* by the process that runs the operation; perhaps *handed
over*, for example when a conductor has chosen a host; *finished*, when its arguments are erased, as
they may hold secrets. An unfinished row without a living owner is sent again by the conductors
(:mod:`nova_mini.actions.reconcile`), and resumed by a compute that starts.
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


def get_by_request(request_id: str, limit: int | None = None) -> list[Mapping]:
    """The actions that a request has begun, one for each of its servers, oldest first. Reads the
    whole table, which has no index for it: for commands only."""
    statement = (
        instance_actions.select()
        .where(_ACTION.request_id == request_id)
        .order_by(_ACTION.id)
        .limit(limit)
    )
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def get_of_kinds(instance_uuids: Collection[str], actions: Collection[str]) -> list[Mapping]:
    """Every action of these names (as "createImage") of these servers."""
    return query.many(
        instance_actions, _ACTION.instance_uuid.in_(instance_uuids), _ACTION.action.in_(actions)
    )


def get_unfinished_of_instance(instance_uuid: str) -> list[Mapping]:
    return query.many(
        instance_actions, _ACTION.instance_uuid == instance_uuid, _ACTION.finish_time.is_(None)
    )


def get_events(action_ids: Collection[int]) -> list[Mapping]:
    return query.many(
        instance_actions_events, _EVENT.action_id.in_(action_ids), order_by=[_EVENT.id]
    )


# -- the life of an intent -----------------------------------------------------------------------


def get(action_id: int) -> Mapping | None:
    with reader() as connection:
        return connection.execute(_BY_ID, {"of_id": action_id}).mappings().first()


# Built once, as every operation runs it: to build a statement takes longer than to run it.
_BY_ID = instance_actions.select().where(_ACTION.id == sa.bindparam("of_id"))


def begin(values: Mapping[str, Any]) -> dict:
    """``values``: instance_uuid, action, request_id, user_id, project_id, method, args, host, and
    ``start_time``: when the request for it has arrived.

    An action without ``method`` records what the API has done already: it is inserted finished.
    """
    stamp = query.now()
    row = {"start_time": stamp, "sent_at": stamp, **values}
    if not values.get("method"):
        row["finish_time"] = stamp
    return query.insert(instance_actions, row)


def begin_many(values: Sequence[Mapping[str, Any]]) -> list[Mapping]:
    """:func:`begin` for the create actions of new servers. Returns the rows in the same order."""
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
    """Make ``owner`` (an incarnation) the owner of this action at ``host`` (None: a conductor).

    Returns the row. Returns None when the action is finished, is meant for another host, or has
    another living owner, and when no service has the incarnation ``owner`` any more. An owner may
    claim again what it owns, because the reply to its first claim may be lost.
    """
    parameters = {"of_id": action_id, "for_owner": owner, "stamp": query.now()}
    if host is not None:
        parameters["of_host"] = host
    with writer() as connection:
        claimed = connection.execute(_claiming(host is not None), parameters).rowcount
        return get(action_id) if claimed else None


@functools.cache
def _claiming(at_a_host: bool) -> sa.Update:
    owner: sa.BindParameter[str] = sa.bindparam("for_owner")
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
    """The action has no owner, or one whose incarnation does not exist any more.

    A process that restarts writes a new incarnation over its old one, so the actions of its
    predecessor are free at once. A process that is only silent keeps its actions: it may still be
    working on them.
    """
    registered = sa.select(services.c.incarnation)
    return sa.or_(_ACTION.owner.is_(None), _ACTION.owner.not_in(registered))


def hand_over(action_id: int, owner: str, values: Mapping[str, Any]) -> bool:
    """Release a claimed action with a new host, method and args (``values``). Its attempts are
    counted anew. False when the caller does not own it any more."""
    return _release(action_id, owner, {"attempts": 0, **values})


def requeue(action_id: int, owner: str, counts: bool) -> bool:
    """Release a claimed action unchanged, to be sent again later. ``counts``: as an attempt."""
    values = {} if counts else {"attempts": _ACTION.attempts - 1}
    return _release(action_id, owner, values)


def _release(action_id: int, owner: str, values: Mapping[str, Any]) -> bool:
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
    """Give an abandoned action to another place. False when a process has claimed it meanwhile."""
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
    """End an action (``message`` is "Error" if it failed) and erase its arguments."""
    where = [_ACTION.id == action_id, _ACTION.finish_time.is_(None)]
    if owner is not None:
        where.append(_ACTION.owner == owner)
    done = {"finish_time": query.now(), "message": message, "args": None, "owner": None}
    return bool(query.update(instance_actions, done, *where))


def supersede(instance_uuid: str, but: int | None = None) -> None:
    """End all actions of a server, except the one that supersedes them (``but``). Their owners
    notice at their next save."""
    where = [_ACTION.instance_uuid == instance_uuid, _ACTION.finish_time.is_(None)]
    if but is not None:
        where.append(_ACTION.id != but)
    ended = {"finish_time": query.now(), "message": "Error", "args": None, "owner": None}
    if query.update(instance_actions, ended, *where):
        others = sa.select(_ACTION.id).where(_ACTION.instance_uuid == instance_uuid)
        if but is not None:
            others = others.where(_ACTION.id != but)
        recoveries.end_open_events(others, "Superseded by a later request for the server.")


def get_unfinished(incarnation: str) -> list[Mapping] | None:
    """The unfinished actions of the host of this compute, oldest first: id, method, instance_uuid,
    and the user, project and id of the request. None when no service has this incarnation."""
    with reader() as connection:
        rows = connection.execute(_UNFINISHED, {"of_incarnation": incarnation}).mappings().all()
    return [row for row in rows if row["id"] is not None] if rows else None


# The outer join returns one empty row for a service without actions.
_UNFINISHED = (
    sa.select(
        _ACTION.id,
        _ACTION.method,
        _ACTION.instance_uuid,
        _ACTION.user_id,
        _ACTION.project_id,
        _ACTION.request_id,
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
)


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
    """Whether the server has an unfinished action that was begun before that one."""
    earlier = sa.exists().where(
        _ACTION.instance_uuid == instance_uuid,
        _ACTION.id < action_id,
        _ACTION.finish_time.is_(None),
    )
    with reader() as connection:
        return bool(connection.execute(sa.select(earlier)).scalar())


def has_later(instance_uuid: str, action_id: int, name: str) -> bool:
    """Whether an action of that name was begun after that one. It may be finished."""
    later = sa.exists().where(
        _ACTION.instance_uuid == instance_uuid, _ACTION.id > action_id, _ACTION.action == name
    )
    with reader() as connection:
        return bool(connection.execute(sa.select(later)).scalar())


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
    """End all open runs of the event, also those of killed processes. ``result``: Success or
    Error."""
    ended = {"stamp": query.now(), "is": result, "trace": traceback, "with_details": details}
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
        details=sa.bindparam("with_details"),
    )
)


def record_steps(action_ids: Sequence[int], host: str, steps: Sequence) -> None:
    """Record the same ``steps`` for each action: [name, start, finish], with ISO times; the fourth
    item is the host of a step, if it is not ``host``."""
    query.insert_many(
        instance_actions_events,
        [
            {
                "action_id": action_id,
                "event": name,
                "host": elsewhere[0] if elsewhere else host,
                "start_time": datetime.datetime.fromisoformat(start),
                "finish_time": datetime.datetime.fromisoformat(finish),
                "result": "Success",
            }
            for action_id in action_ids
            for name, start, finish, *elsewhere in steps
        ],
    )


def busy_among(instance_uuids: Collection[str]) -> set[str]:
    """The servers of these that have an unfinished action."""
    busy: set[str] = set()
    with reader() as connection:
        for some in query.parts(instance_uuids):
            statement = sa.select(_ACTION.instance_uuid).where(
                _ACTION.instance_uuid.in_(some), _ACTION.finish_time.is_(None)
            )
            busy.update(connection.execute(statement).scalars())
    return busy
