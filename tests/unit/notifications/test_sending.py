"""Notifications over a real driver: to a broker in this process, and to one that is away."""

from __future__ import annotations

import socket
import threading
import time

import oslo_messaging as messaging
import pytest

from nova_mini import rpc
from nova_mini.conf import CONF
from nova_mini.notifications import sending

SECONDS = 10
MANY = 20


@pytest.fixture
def connect(tmp_path):
    """``connect(url, **options)``: use a broker, with options of the notifications."""

    def start(url: str, **options) -> None:
        lines = ["[DEFAULT]", f"transport_url = {url}"]
        lines += ["[oslo_messaging_notifications]", "driver = messagingv2"]
        lines += [f"{name} = {value}" for name, value in options.items()]
        config = tmp_path / "nova-mini.conf"
        config.write_text("\n".join(lines))
        CONF(["--config-file", str(config)], project="nova-mini")
        rpc.init()

    rpc.set_defaults()
    yield start
    rpc.cleanup()
    CONF([], project="nova-mini", default_config_files=[])


@pytest.fixture
def quick_end(monkeypatch) -> None:
    monkeypatch.setattr(rpc, "_FLUSH_SECONDS", 0.2)


@pytest.fixture
def no_broker() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"rabbit://user:password@127.0.0.1:{unused.getsockname()[1]}/"


class Receiver:
    def __init__(self):
        self.payloads: list[dict] = []

    def info(self, context, publisher_id, event_type, payload, metadata) -> None:
        self.payloads.append({**payload, "at": metadata["timestamp"]})


@pytest.fixture
def received():
    """The payloads that arrive at the broker of this process."""
    transport = messaging.get_notification_transport(CONF, "fake:")
    receiver = Receiver()
    target = messaging.Target(topic="notifications")
    listener = messaging.get_notification_listener(
        transport, [target], [receiver], executor="threading"
    )
    listener.start(override_pool_size=1)
    yield receiver.payloads
    listener.stop()
    listener.wait()


def test_they_arrive_in_their_order(connect, context, received):
    connect("fake:")
    for number in range(MANY):
        assert sending.send(context, "p", "compute.instance.x", {"number": number})
    assert rpc.get_notification_queue().flush(SECONDS)
    until = time.monotonic() + SECONDS
    while len(received) < MANY and time.monotonic() < until:
        time.sleep(0.05)
    assert [each["number"] for each in received] == list(range(MANY))


def test_the_sender_does_not_wait_for_a_broker(connect, context, no_broker, quick_end, caplog):
    connect(no_broker)
    started_at = time.monotonic()
    for _ in range(MANY):
        assert sending.send(context, "p", "compute.instance.x", {})
    assert time.monotonic() - started_at < 1  # one second each, if they were sent at once
    rpc.cleanup()
    assert "no broker answers, they wait" in caplog.text
    assert f"Notifications: {MANY} lost, {MANY} since the start: the process ends" in caplog.text


def test_the_retries_are_those_of_the_option(connect, context, no_broker, caplog):
    connect(no_broker, retry=0)
    for _ in range(3):
        sending.send(context, "p", "compute.instance.x", {})
    queue = rpc.get_notification_queue()
    assert queue.flush(SECONDS)
    assert queue.lost == 3
    assert "Notifications: 1 lost" in caplog.text
    assert "password" not in caplog.text


def test_what_does_not_fit_into_the_queue_is_lost(
    connect, context, no_broker, quick_end, monkeypatch, caplog
):
    connect(no_broker)
    queue = rpc.get_notification_queue()
    monkeypatch.setattr(queue, "_capacity", 2)
    results = [sending.send(context, "p", "compute.instance.x", {}) for _ in range(5)]
    assert results == [True, True, False, False, False]
    assert queue.lost == 3
    assert "Notifications: 1 lost, 1 since the start: the queue is full" in caplog.text


def test_what_waits_keeps_its_time_and_its_content(connect, context, received):
    """A payload is as it was when it was put, and so is its time."""
    connect("fake:")
    gate = threading.Event()
    queue = rpc.get_notification_queue()
    queue.put(lambda: gate.wait(SECONDS))
    payload = {"metadata": {"a": 1}}
    sending.send(context, "p", "compute.instance.x", payload)
    payload["metadata"]["a"] = 2
    time.sleep(1.1)
    sending.send(context, "p", "compute.instance.y", payload)
    gate.set()
    assert queue.flush(SECONDS)
    until = time.monotonic() + SECONDS
    while len(received) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    first, second = received
    assert (first["metadata"], second["metadata"]) == ({"a": 1}, {"a": 2})
    assert first["at"][:19] < second["at"][:19]


def test_what_cannot_be_made_fails_nothing(connect, caplog):
    connect("fake:")
    assert not sending.send("not a context", "p", "compute.instance.x", {})
    assert "compute.instance.x: could not send" in caplog.text
