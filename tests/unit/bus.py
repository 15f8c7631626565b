"""A bus that records the sent messages, with a real scheduler."""

from __future__ import annotations

import pytest

from nova_mini import rpc
from nova_mini.scheduler import client as scheduler_client
from nova_mini.scheduler.manager import SchedulerManager


class Bus:
    """``casts``: [(host or topic, method, arguments)]. ``notifications``: [(event, payload)].

    The scheduler is the real one. It raises the errors in ``scheduler_errors`` first, one for each
    request; ``before_response(specs)`` is called before each response. ``scheduled``: the specs of
    all requests to it.
    """

    def __init__(self):
        self.casts: list[tuple[str, str, dict]] = []
        self.notifications: list[tuple[str, dict]] = []
        self.scheduled: list[list] = []
        self.scheduler_errors: list[Exception] = []
        self.before_response = lambda specs: None

    def events(self) -> list[str]:
        return [event.removeprefix("compute.instance.") for event, _ in self.notifications]

    # -- rpc.get_client --------------------------------------------------------------------------

    def get_client(self, target) -> _Client:
        return _Client(self, target.topic)

    def schedule(self, context, request_specs, alternates):
        self.scheduled.append([spec.as_dict() for spec in request_specs])
        self.before_response(request_specs)
        if self.scheduler_errors:
            raise self.scheduler_errors.pop(0)
        try:
            return SchedulerManager().select_destinations(context, request_specs, alternates)
        except rpc.messaging.ExpectedException as expected:
            raise expected.exc_info[1] from None

    # -- rpc.get_notifier ------------------------------------------------------------------------

    def get_notifier(self, publisher_id) -> Bus:
        return self

    def info(self, context, event: str, payload: dict) -> None:
        self.notifications.append((event, payload))

    error = info


class _Client:
    def __init__(self, bus: Bus, to: str):
        self._bus = bus
        self._to = to

    def prepare(self, server: str | None = None, **options) -> _Client:
        return _Client(self._bus, server or self._to)

    def cast(self, context, method: str, **kwargs) -> None:
        self._bus.casts.append((self._to, method, kwargs))

    def call(self, context, method: str, **kwargs):
        assert (self._to, method) == (rpc.SCHEDULER_TOPIC, "select_destinations")
        return self._bus.schedule(context, **kwargs)


@pytest.fixture
def bus(monkeypatch) -> Bus:
    bus = Bus()
    monkeypatch.setattr(rpc, "get_client", bus.get_client)
    monkeypatch.setattr(rpc, "get_notifier", bus.get_notifier)
    monkeypatch.setattr(rpc, "are_notifications_enabled", lambda: True)
    monkeypatch.setattr(scheduler_client, "_RETRY_TIME", -1)
    return bus
