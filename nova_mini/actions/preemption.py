"""An urgent operation preempts an operation that waits for a guest on the same server.

A guest that is paused or hangs does not answer. An operation that waits for such a guest would
block the operations that help: unpause, hard reboot, delete. Therefore code that waits for a guest
calls :func:`check` repeatedly, which raises Preempted if an urgent operation waits for the server.
The preempted operation is requeued, and resumed after the urgent one: its steps are idempotent.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator

from nova_mini import exception

MIN_WAIT = 2.0  # seconds that each guest has to answer; most guests need less than one

_is_awaited: contextvars.ContextVar[Callable[[], bool] | None] = contextvars.ContextVar(
    "is_awaited", default=None
)


@contextlib.contextmanager
def allowed(is_awaited: Callable[[], bool]) -> Iterator[None]:
    """Run an operation inside that is preempted if ``is_awaited()`` returns True."""
    token = _is_awaited.set(is_awaited)
    try:
        yield
    finally:
        _is_awaited.reset(token)


def check(waited: float) -> None:
    """Raises Preempted if an urgent operation waits for the server.

    Drivers call it about twice a second while they wait for a guest. ``waited``: seconds since the
    start of the wait.
    """
    is_awaited = _is_awaited.get()
    if is_awaited is not None and waited >= MIN_WAIT and is_awaited():
        raise exception.Preempted()
