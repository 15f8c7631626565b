"""The doctor asks over the bus as long as there is one."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.doctor import patience
from nova_mini.doctor.patience import while_a_broker_answers


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(patience, "_LOOK_EVERY", 0.05)


@pytest.fixture
def broker():
    """A socket that listens where the broker should."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        CONF.set_override("transport_url", f"rabbit://u:p@127.0.0.1:{port}/")
        yield listener
        CONF.clear_override("transport_url")


def test_a_broker_that_dies_meanwhile_is_not_waited_for(broker):
    for_ever = threading.Event()
    threading.Timer(0.3, broker.close).start()
    with pytest.raises(exception.ActionInterrupted, match="no broker of transport_url answers"):
        while_a_broker_answers(for_ever.wait)
    for_ever.set()


def test_a_slow_answer_is_waited_for(broker):
    def slow(word: str) -> str:
        time.sleep(0.3)
        return word

    assert while_a_broker_answers(slow, "done") == "done"


def test_an_error_of_the_asked_is_ours(broker):
    def refuse() -> None:
        raise exception.Conflict("no")

    with pytest.raises(exception.Conflict, match="no"):
        while_a_broker_answers(refuse)
