"""Deliveries in the background: their order, what is lost, and how the process ends."""

from __future__ import annotations

import threading
import time

import pytest

from nova_mini import outbox as outboxes
from nova_mini.outbox import Outbox

SECONDS = 10


class Gate:
    """A delivery that waits until the gate is open."""

    def __init__(self):
        self.is_reached, self._open = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.is_reached.set()
        assert self._open.wait(SECONDS)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open()


def test_deliveries_are_made_in_their_order():
    outbox, made = Outbox("Letters"), []
    for number in range(500):
        outbox.put(lambda number=number: made.append(number))
    assert outbox.flush(SECONDS)
    assert made == list(range(500))


def test_each_of_many_threads_keeps_its_order():
    outbox, made = Outbox("Letters", 10_000), []

    def put_all(name: str) -> None:
        for number in range(200):
            outbox.put(lambda number=number: made.append((name, number)))

    threads = [threading.Thread(target=put_all, args=(name,)) for name in "abcd"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert outbox.flush(SECONDS)
    for name in "abcd":
        assert [number for each, number in made if each == name] == list(range(200))


def test_no_caller_waits_for_a_delivery(gate):
    outbox = Outbox("Letters")
    started_at = time.monotonic()
    for _ in range(100):
        outbox.put(gate)
    assert time.monotonic() - started_at < 1
    assert not outbox.flush(0.1)
    gate.open()
    assert outbox.flush(SECONDS)


def test_the_number_of_those_that_wait_is_limited(gate):
    outbox = Outbox("Letters", capacity=2)
    outbox.put(gate)
    assert outbox.has_room()
    outbox.put(gate)
    assert not outbox.has_room()
    gate.open()
    assert outbox.flush(SECONDS)
    assert outbox.has_room()


def test_losses_are_counted_and_their_number_is_reported(caplog):
    outbox = Outbox("Letters")

    def fail() -> None:
        raise OSError("no way")

    for _ in range(3):
        outbox.put(fail)
    assert outbox.flush(SECONDS)
    assert outbox.lost == 3
    assert "Letters: 1 lost, 1 since the start: no way" in caplog.text
    outbox.put(lambda: None)
    outbox.close(SECONDS)
    assert "Letters: 2 lost, 3 since the start: deliveries are made again" in caplog.text
    assert len(caplog.records) == 2


def test_losses_are_reported_from_time_to_time(caplog, monkeypatch):
    outbox = Outbox("Letters")
    for _ in range(5):
        outbox.lose("full")
    assert len(caplog.records) == 1
    monkeypatch.setattr(outboxes, "_REPORT_INTERVAL", 0)
    outbox.lose("full")
    assert "Letters: 5 lost, 6 since the start: full" in caplog.text


def test_the_end_waits_for_the_deliveries():
    outbox, made = Outbox("Letters"), []
    outbox.put(lambda: time.sleep(0.2))
    outbox.put(lambda: made.append(1))
    outbox.close(SECONDS)
    assert made == [1] and outbox.lost == 0


def test_the_end_does_not_wait_longer_than_it_may(gate, caplog):
    outbox = Outbox("Letters")
    for _ in range(4):
        outbox.put(gate)
    assert gate.is_reached.wait(SECONDS)
    started_at = time.monotonic()
    outbox.close(0.2)
    assert 0.2 <= time.monotonic() - started_at < 2
    assert "Letters: 4 lost, 4 since the start: the process ends" in caplog.text
    outbox.put(gate)
    assert outbox.lost == 5


def test_the_thread_ends(gate):
    outbox = Outbox("Letters")
    outbox.put(gate)
    outbox.close(0)
    thread = outbox._thread
    assert thread is not None
    gate.open()
    thread.join(SECONDS)
    assert not thread.is_alive()
