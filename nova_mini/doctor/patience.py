"""Ask over the bus only as long as there is one: its client waits for a broker without end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

from nova_mini import exception, rpc
from nova_mini.trace import in_thread

T = TypeVar("T")

_LOOK_EVERY = 5  # seconds


def while_a_broker_answers(function: Callable[..., T], *args) -> T:
    """What the function returns or raises. Raises ActionInterrupted when no broker can be reached
    meanwhile; the function then is left to itself, in a thread that keeps no process alive."""
    answer: futures.Future[T] = futures.Future()

    def ask() -> None:
        try:
            answer.set_result(function(*args))
        except BaseException as exc:
            answer.set_exception(exc)

    threading.Thread(target=in_thread(ask), daemon=True).start()
    while not futures.wait([answer], timeout=_LOOK_EVERY).done:
        if not rpc.is_reachable():
            raise exception.ActionInterrupted(reason="no broker of transport_url answers any more")
    return answer.result()
