"""Repairs that no user has requested, as events in the action history of the server.

The name of the event says what was done, its details say why. ``at`` is the host of the service
that did it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import instance_actions, instance_actions_events
from nova_mini.db.session import reader, writer

RESUMED = "recovery_resumed"  # an interrupted operation was resumed
RESENT = "recovery_resent"  # an action without an owner was sent again
TAKEN = "recovery_taken_from_host"  # the host is down: the action is done without it
TASK_ENDED = "recovery_task_ended"  # a task_state was cleared that no action would have cleared
# An orphan was removed from a host or an external service. The name is stored: it does not change.
ORPHAN_REMOVED = "recovery_leftover_destroyed"

_ACTION = instance_actions.c
_EVENT = instance_actions_events.c


def record(action_id: int, event: str, at: str, details: str) -> None:
    stamp = query.now()
    query.insert(
        instance_actions_events,
        {
            "action_id": action_id,
            "event": event,
            "start_time": stamp,
            "finish_time": stamp,
            "result": "Success",
            "host": at,
            "details": details,
        },
    )


def record_once(action_ids: Collection[int], event: str, at: str, reasons: Mapping) -> None:
    """Record the event for each action that does not have it with these details yet. ``reasons``:
    action id -> details."""
    statement = sa.select(_EVENT.action_id, _EVENT.details).where(
        _EVENT.action_id.in_(action_ids), _EVENT.event == event
    )
    with reader() as connection:
        recorded = {(row.action_id, row.details) for row in connection.execute(statement)}
    for action_id in action_ids:
        if (action_id, reasons[action_id]) not in recorded:
            record(action_id, event, at, reasons[action_id])


def record_for_server(instance_uuid: str, event: str, at: str, details: str) -> None:
    """Record the event, once, for the newest action of the server, if it has any."""
    newest = sa.select(sa.func.max(_ACTION.id)).where(_ACTION.instance_uuid == instance_uuid)
    with writer() as connection:
        action_id = connection.execute(newest).scalar()
        if action_id is not None:
            record_once([action_id], event, at, {action_id: details})


def resumed(action_id: int, at: str, attempts: int) -> None:
    """Record that an action is claimed that was claimed before, and end the events that its earlier
    owner left open. Of a requeued action none are open, and its history says why it waited."""
    open_ = (_EVENT.action_id == action_id, _EVENT.finish_time.is_(None))
    interrupted = query.many(instance_actions_events, *open_, order_by=[_EVENT.id])
    if not interrupted:
        return
    last = interrupted[-1]
    end_open_events([action_id], "Interrupted: the process ended, or lost the action.")
    record(
        action_id,
        RESUMED,
        at,
        f"{last['event']} at {last['host']}, begun {last['start_time']:%Y-%m-%d %H:%M:%S} UTC, "
        f"was interrupted and is resumed at {at} (attempt {attempts}).",
    )


def end_open_events(action_ids: Collection[int] | sa.Select, why: str) -> None:
    stamp = query.now()
    with writer() as connection:
        connection.execute(
            instance_actions_events.update()
            .where(_EVENT.action_id.in_(action_ids), _EVENT.finish_time.is_(None))
            .values(finish_time=stamp, updated_at=stamp, result="Error", details=why)
        )
