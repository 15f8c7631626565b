"""RPC calls that end when the broker becomes unreachable. An RPC client waits for a broker without
a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

from nova_mini import exception, rpc
from nova_mini.trace import in_thread

T = TypeVar("T")

_CHECK_INTERVAL = 5  # seconds


def call_while_reachable(function: Callable[..., T], *args: Any) -> T:
    """Call the function, and return its result or raise its exception.

    Raises ActionInterrupted when no broker is reachable before it returns. The function then
    continues in a daemon thread.
    """
    result: futures.Future[T] = futures.Future()

    def call() -> None:
        try:
            result.set_result(function(*args))
        except BaseException as exc:
            result.set_exception(exc)

    threading.Thread(target=in_thread(call), daemon=True).start()
    while not futures.wait([result], timeout=_CHECK_INTERVAL).done:
        if not rpc.is_reachable():
            raise exception.ActionInterrupted(reason="no broker of transport_url answers")
    return result.result()
