"""Waits for events of external services."""

from __future__ import annotations

import threading
import time

import pytest

from nova_mini import exception
from nova_mini.compute.host import events

SERVER = "9a1f3f1c-6a3e-4f0e-8d55-0c4f1a3f2b11"
PLUGGED = ("network-vif-plugged", "port")


def wait(waiting, *, deadline=5.0, on_failure=lambda name: True, has_happened=lambda key: False):
    return events.wait_for_instance_event(
        waiting,
        SERVER,
        [PLUGGED],
        deadline=deadline,
        on_failure=on_failure,
        has_happened=has_happened,
    )


@pytest.fixture
def waiting() -> events.InstanceEvents:
    return events.InstanceEvents()


def test_an_early_event_is_not_missed(waiting):
    with wait(waiting):
        assert waiting.deliver(SERVER, PLUGGED, "completed")
    assert not waiting.deliver(SERVER, PLUGGED, "completed"), "the wait has ended"


def test_a_later_event_ends_the_wait(waiting):
    timer = threading.Timer(0.1, waiting.deliver, (SERVER, PLUGGED, "completed"))
    began = time.monotonic()
    with wait(waiting):
        timer.start()
    assert 0.1 <= time.monotonic() - began < 2


def test_a_missing_event_times_out(waiting):
    with (
        pytest.raises(TimeoutError, match="network-vif-plugged of port"),
        wait(waiting, deadline=0.05),
    ):
        pass


def test_a_lost_event_is_found_by_polling(waiting, monkeypatch):
    monkeypatch.setattr(events, "POLL_INTERVAL", 0.02)
    responses = iter([False, False, True])
    with wait(waiting, has_happened=lambda key: key == PLUGGED and next(responses)):
        pass
    assert list(responses) == []


@pytest.mark.parametrize("fatal", [True, False])
def test_a_failed_event_ends_the_wait_if_failures_are_fatal(waiting, fatal):
    def attempt():
        with wait(waiting, on_failure=lambda name: fatal):
            waiting.deliver(SERVER, PLUGGED, "failed")

    if not fatal:
        return attempt()
    with pytest.raises(exception.VirtualInterfaceCreateException):
        attempt()
    return None


def test_cancel_ends_the_waits_for_a_deleted_server(waiting):
    with pytest.raises(exception.InstanceNotFound), wait(waiting):
        waiting.cancel(SERVER)
