"""A service's heartbeats: most are only said, some are answered, and what the answers do."""

from __future__ import annotations

import pytest

from nova_mini import service
from nova_mini.conf import CONF


class Record:
    """The record of the service at the conductors: notes what it hears, answers with ``answer``."""

    def __init__(self):
        self.heard: list[str] = []
        self.available: list[bool] = []
        self.answer: list | None = []

    def report(self, incarnation, available) -> None:
        self.heard.append("report")
        self.available.append(available)

    def check_in(self, context, incarnation, available) -> list | None:
        self.heard.append("check_in")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Manager(service.Manager):
    def __init__(self):
        self.taken_up: list[list] = []
        self.well = iter(lambda: True, None)  # what it says of itself, one time after the other

    def is_available(self) -> bool:
        return next(self.well)

    def take_up(self, unfinished: list) -> None:
        self.taken_up.append(unfinished)


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
    record.heard.clear()
    return made


def beat(running: service.Service, clock: list[float], times: int, late: float = 0.0) -> None:
    for _ in range(times):
        clock[0] += CONF.report_interval + late
        running._report()


@pytest.mark.parametrize("late", [-0.2, 0.0, 0.2])
def test_every_30_seconds_one_is_answered(running, record, clock, late):
    beat(running, clock, 12, late)
    assert record.heard == (["report"] * 5 + ["check_in"]) * 2
    assert running.manager.taken_up == [[], [], []]


def test_what_is_not_done_is_taken_up(running, record, clock):
    record.answer = [(1, "stop_instance", "uuid", {})]
    beat(running, clock, 6)
    assert running.manager.taken_up == [[], record.answer]


def test_while_nobody_answers_nothing_else_is_sent(running, record, clock):
    record.answer = ConnectionError("nobody")
    clock[0] += CONF.resume_actions_interval
    for _ in range(3):
        with pytest.raises(ConnectionError):
            running._report()
    record.answer = []
    beat(running, clock, 2)
    assert record.heard == ["check_in"] * 4 + ["report"]


def test_who_is_replaced_stops(running, record, clock):
    record.answer = None
    beat(running, clock, 5)
    assert not running.superseded.is_set()
    beat(running, clock, 1)
    assert running.superseded.is_set() and running.manager.taken_up == [[]]


def test_who_was_frozen_asks_when_it_goes_on(running, record, clock):
    clock[0] += CONF.resume_actions_interval
    beat(running, clock, 1)
    assert record.heard == ["check_in"]


@pytest.mark.parametrize(
    ("looks", "told"), [([False, True], [False, True]), ([False] * 10, [False])]
)
def test_who_is_well_again_says_so(running, record, clock, looks, told):
    running.manager.well = iter(looks)
    running._stopping.wait = lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    running._report()
    assert record.available == told
    assert not list(running.manager.well)


def test_who_stops_looks_no_more(running, record):
    running.manager.well = iter([False])
    running._stopping.set()
    running._report()
    assert record.available == [False]
