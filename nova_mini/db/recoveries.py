"""What was put right on a server without its user's asking: events in its action history.

The event's name says what was done, its details why. ``at`` is the host of who did it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import instance_actions, instance_actions_events
from nova_mini.db.session import reader, writer

RESUMED = "recovery_resumed"  # an interrupted turn is begun again
RESENT = "recovery_resent"  # nobody was at it: it was sent again
TAKEN = "recovery_taken_from_host"  # its host is down: it is done without it
TASK_ENDED = "recovery_task_ended"  # a task_state that no action would have ended
LEFTOVER = "recovery_leftover_destroyed"  # what a host, or a neighbour, still had of it

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
    """For each action that was not told so before; ``reasons``: action id -> details."""
    statement = sa.select(_EVENT.action_id, _EVENT.details).where(
        _EVENT.action_id.in_(action_ids), _EVENT.event == event
    )
    with reader() as connection:
        told = {(row.action_id, row.details) for row in connection.execute(statement)}
    for action_id in action_ids:
        if (action_id, reasons[action_id]) not in told:
            record(action_id, event, at, reasons[action_id])


def record_for_server(instance_uuid: str, event: str, at: str, details: str) -> None:
    """In the history of what was last asked of the server; one without a history has nobody who
    would read it. Twice is once."""
    newest = sa.select(sa.func.max(_ACTION.id)).where(_ACTION.instance_uuid == instance_uuid)
    with writer() as connection:
        action_id = connection.execute(newest).scalar()
        if action_id is not None:
            record_once([action_id], event, at, {action_id: details})


def resumed(action_id: int, at: str, attempts: int) -> None:
    """An action is taken up that was begun before: what its earlier doer left open has ended, and
    is begun again. Nothing open: it was put back in order, for the reason that stands there."""
    open_ = (_EVENT.action_id == action_id, _EVENT.finish_time.is_(None))
    interrupted = query.many(instance_actions_events, *open_, order_by=[_EVENT.id])
    if not interrupted:
        return
    last = interrupted[-1]
    end_open_events([action_id], "Interrupted: who did it ended, or lost the action.")
    record(
        action_id, RESUMED, at,
        f"{last['event']} at {last['host']}, begun {last['start_time']:%Y-%m-%d %H:%M:%S} UTC, "
        f"was interrupted; it is done again at {at} (attempt {attempts}).",
    )  # fmt: skip


def end_open_events(action_ids: Collection[int] | sa.Select, why: str) -> None:
    stamp = query.now()
    with writer() as connection:
        connection.execute(
            instance_actions_events.update()
            .where(_EVENT.action_id.in_(action_ids), _EVENT.finish_time.is_(None))
            .values(finish_time=stamp, updated_at=stamp, result="Error", details=why)
        )
