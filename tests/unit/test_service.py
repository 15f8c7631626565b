"""The heartbeats and check-ins of a service."""

from __future__ import annotations

import pytest

from nova_mini import service
from nova_mini.conf import CONF


class Record:
    """The record of the service in the conductors. ``reply`` is the reply to a check-in."""

    def __init__(self):
        self.received: list[str] = []
        self.available: list[bool] = []
        self.reply: list | Exception | None = []

    def report(self, incarnation, available) -> None:
        self.received.append("report")
        self.available.append(available)

    def check_in(self, context, incarnation, available) -> list | None:
        self.received.append("check_in")
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


class Manager(service.Manager):
    def __init__(self):
        self.resumed: list[list] = []
        self.availability = iter(lambda: True, None)  # the results of is_available()

    def is_available(self) -> bool:
        return next(self.availability)

    def resume_actions(self, unfinished: list) -> None:
        self.resumed.append(unfinished)


@pytest.fixture
def record(monkeypatch) -> Record:
    made = Record()
    monkeypatch.setattr(service, "ServiceRecord", made)
    return made


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(service.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def running(record, clock) -> service.Service:
    CONF([], project="nova-mini", default_config_files=[])
    made = service.Service("nova-mini-compute", "compute", "h1", lambda *_: Manager())
    made.manager = Manager()
    made._check_in(True)
    record.received.clear()
    return made


def beat(running: service.Service, clock: list[float], times: int, late: float = 0.0) -> None:
    for _ in range(times):
        clock[0] += CONF.report_interval + late
        running._report()


@pytest.mark.parametrize("late", [-0.2, 0.0, 0.2])
def test_every_sixth_heartbeat_is_a_check_in(running, record, clock, late):
    beat(running, clock, 12, late)
    assert record.received == (["report"] * 5 + ["check_in"]) * 2
    assert running.manager.resumed == [[], [], []]


def test_unfinished_actions_are_resumed(running, record, clock):
    record.reply = [(1, "stop_instance", "uuid", {})]
    beat(running, clock, 6)
    assert running.manager.resumed == [[], record.reply]


def test_while_no_conductor_replies_only_check_ins_are_sent(running, record, clock):
    record.reply = ConnectionError("no conductor")
    clock[0] += CONF.resume_actions_interval
    for _ in range(3):
        with pytest.raises(ConnectionError):
            running._report()
    record.reply = []
    beat(running, clock, 2)
    assert record.received == ["check_in"] * 4 + ["report"]


def test_a_superseded_service_stops(running, record, clock):
    record.reply = None
    beat(running, clock, 5)
    assert not running.superseded.is_set()
    beat(running, clock, 1)
    assert running.superseded.is_set() and running.manager.resumed == [[]]


def test_a_service_that_was_frozen_checks_in_when_it_continues(running, record, clock):
    clock[0] += CONF.resume_actions_interval
    beat(running, clock, 1)
    assert record.received == ["check_in"]


@pytest.mark.parametrize(
    ("checks", "reported"), [([False, True], [False, True]), ([False] * 10, [False])]
)
def test_a_service_reports_at_once_that_it_is_available_again(
    running, record, clock, checks, reported
):
    running.manager.availability = iter(checks)
    running._stopping.wait = lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    running._report()
    assert record.available == reported
    assert not list(running.manager.availability)


def test_a_stopping_service_does_not_check_its_availability_again(running, record):
    running.manager.availability = iter([False])
    running._stopping.set()
    running._report()
    assert record.available == [False]
