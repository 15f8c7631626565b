"""The walk of an action through the services: its steps, each with its service and its host."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nova_mini import db
from nova_mini.clock import utcnow

API, CONDUCTOR, SCHEDULER, COMPUTE, RECOVERY = SERVICES = (
    "api",
    "conductor",
    "scheduler",
    "compute",
    "recovery",
)

# The steps of a scheduler. Their names never change, as those of all steps.
_OF_SCHEDULER = {"choose_hosts", "claim_hosts"}
_REQUEST = "request"  # the name of the part of the API

Row = Mapping[str, Any]


@dataclass(slots=True)
class Span:
    """A step. ``finish`` is None while it runs. ``depth``: how many steps enclose it."""

    name: str
    service: str
    host: str | None
    start: datetime.datetime
    finish: datetime.datetime | None
    failed: bool = False
    details: str | None = None
    depth: int = 0

    def end(self, now: datetime.datetime) -> datetime.datetime:
        return max(self.start, self.finish or now)


@dataclass(slots=True)
class Walk:
    """``action``: a row of ``instance_actions``; ``until``: its end, or now if it has none yet."""

    action: Row
    until: datetime.datetime
    spans: list[Span] = field(default_factory=list)

    @property
    def start(self) -> datetime.datetime:
        return min([self.action["start_time"], *(span.start for span in self.spans)])

    @property
    def finish(self) -> datetime.datetime:
        return max([self.until, *(span.end(self.until) for span in self.spans)])

    @property
    def state(self) -> str:
        if self.action["finish_time"] is None:
            return "running"
        return "failed" if self.action["message"] == "Error" else "done"

    def places(self) -> dict[str, datetime.timedelta]:
        """How long each service, on each host, worked on the action; and ``between`` them: the time
        in which none did, for example while a message waited."""
        worked: dict[str, list[tuple[datetime.datetime, datetime.datetime]]] = {}
        for span in self.spans:
            if span.service != RECOVERY:
                part = (span.start, span.end(self.until))
                worked.setdefault(place_of(span), []).append(part)
        times = {place: _length(parts) for place, parts in worked.items()}
        everything = [part for parts in worked.values() for part in parts]
        between = self.finish - self.start - _length(everything)
        return {**times, "between them": max(between, datetime.timedelta())}


def place_of(span: Span) -> str:
    return f"{span.service}@{span.host}" if span.host else span.service


def of_server(instance_uuid: str, limit: int | None) -> list[Walk]:
    """The newest ``limit`` actions of a server (None: all), oldest first."""
    return _walks(list(reversed(db.actions.get_by_instance(instance_uuid, limit))))


def of_request(request_id: str, limit: int | None) -> list[Walk]:
    """The actions that one request has begun: one for each of its servers."""
    return _walks(db.actions.get_by_request(request_id, limit))


def _walks(actions: Sequence[Row]) -> list[Walk]:
    events: dict[int, list[Row]] = {action["id"]: [] for action in actions}
    for event in db.actions.get_events(list(events)):
        events[event["action_id"]].append(event)
    return [make(action, events[action["id"]], utcnow()) for action in actions]


def make(action: Row, events: Sequence[Row], now: datetime.datetime) -> Walk:
    """The walk of an action. ``events``: rows of ``instance_actions_events``."""
    walk = Walk(action, action["finish_time"] or now)
    turns = [event for event in events if _prefix(event["event"]) in (CONDUCTOR, COMPUTE)]
    spans = [_span(event, _service(event, turns, action)) for event in events]
    if action["user_id"] is not None:  # or a service has begun it, without a request
        host = next((span.host for span in spans if span.service == API), None)
        spans.append(Span(_REQUEST, API, host, action["start_time"], action["created_at"]))
    spans.sort(key=lambda span: (span.start, -(span.end(walk.until) - span.start)))
    _nest(spans, walk.until)
    walk.spans = spans
    return walk


def _span(event: Row, service: str) -> Span:
    return Span(
        name=event["event"],
        service=service,
        host=event["host"],
        start=event["start_time"],
        finish=event["finish_time"],
        failed=event["result"] == "Error",
        details=event["details"],
    )


def _service(event: Row, turns: Sequence[Row], action: Row) -> str:
    """The service that took a step. Only the turns of conductors and computes are named after
    theirs; any other step is a part of a turn at the same host, or of the request."""
    name = event["event"]
    if (prefix := _prefix(name)) in (CONDUCTOR, COMPUTE, RECOVERY):
        return prefix
    if name in _OF_SCHEDULER:
        return SCHEDULER
    if event["finish_time"] is not None and event["finish_time"] <= action["created_at"]:
        return API
    around = [turn for turn in turns if turn["host"] == event["host"] and _encloses(turn, event)]
    return _prefix(around[-1]["event"]) if around else ""


def _prefix(name: str) -> str:
    return name.partition("_")[0]


def _encloses(turn: Row, event: Row) -> bool:
    ends_first = turn["finish_time"] is not None and turn["finish_time"] < event["start_time"]
    return turn["start_time"] <= event["start_time"] and not ends_first


def _nest(spans: Sequence[Span], now: datetime.datetime) -> None:
    """Set the depth of spans, which are in the order of their starts."""
    around: list[Span] = []
    for span in spans:
        if _prefix(span.name) in (CONDUCTOR, COMPUTE, RECOVERY) or span.name == _REQUEST:
            around = []
        while around and around[-1].end(now) < span.end(now):
            around.pop()
        span.depth = len(around)
        around.append(span)


def _length(
    parts: Sequence[tuple[datetime.datetime, datetime.datetime]],
) -> datetime.timedelta:
    return sum((end - start for start, end in _merged(parts)), datetime.timedelta())


def _merged(
    parts: Sequence[tuple[datetime.datetime, datetime.datetime]],
) -> Iterator[tuple[datetime.datetime, datetime.datetime]]:
    """The parts without their overlaps."""
    reached: datetime.datetime | None = None
    for start, end in sorted(parts):
        begin = start if reached is None else max(start, reached)
        if end > begin:
            yield begin, end
        reached = end if reached is None else max(end, reached)
