"""RPC calls of the doctor end when the broker becomes unreachable."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.doctor import broker as doctor_broker
from nova_mini.doctor.broker import call_while_reachable


@pytest.fixture(autouse=True)
def short_interval(monkeypatch):
    monkeypatch.setattr(doctor_broker, "_CHECK_INTERVAL", 0.05)


@pytest.fixture
def broker():
    """A socket that listens on the port of the broker."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        CONF.set_override("transport_url", f"rabbit://u:p@127.0.0.1:{port}/")
        yield listener
        CONF.clear_override("transport_url")


def test_a_call_ends_when_the_broker_dies(broker):
    never_set = threading.Event()
    threading.Timer(0.3, broker.close).start()
    with pytest.raises(exception.ActionInterrupted, match="no broker of transport_url answers"):
        call_while_reachable(never_set.wait)
    never_set.set()


def test_a_slow_call_returns_its_result(broker):
    def slow(word: str) -> str:
        time.sleep(0.3)
        return word

    assert call_while_reachable(slow, "done") == "done"


def test_an_exception_of_the_call_is_raised(broker):
    def refuse() -> None:
        raise exception.Conflict("no")

    with pytest.raises(exception.Conflict, match="no"):
        call_while_reachable(refuse)
