"""Steps: the spans of a request as it walks through the services.

``with step("name")`` or ``@traced`` around a function marks one. A step is a debug log line with
the request's id, and, inside an operation on a server, an event in the server's action history
with its times. It is also where the chaos tests strike: see ``faults``.

``with waiting("for whom")`` marks time that is not ours: only the history has it.
"""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import functools
import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from oslo_context import context as oslo_context

from nova_mini import faults
from nova_mini.objects.base import utcnow

LOG = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable)

Steps = list[list[str]]
_collected: contextvars.ContextVar[Steps | None] = contextvars.ContextVar("steps", default=None)


@contextlib.contextmanager
def collecting() -> Iterator[Steps]:
    """Gather the steps of what runs inside, as [name, start, finish] with ISO times."""
    steps: Steps = []
    token = _collected.set(steps)
    try:
        yield steps
    finally:
        _collected.reset(token)


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    start = utcnow()
    LOG.debug("step %s begins", name)
    faults.strike(f"before {name}")
    try:
        yield
    except BaseException as exc:
        LOG.debug("step %s failed: %s", name, type(exc).__name__)
        raise
    finish = utcnow()
    LOG.debug("step %s took %.1f ms", name, (finish - start).total_seconds() * 1000)
    _collect(name, start, finish)
    faults.strike(name)


@contextlib.contextmanager
def waiting(name: str) -> Iterator[None]:
    """What another service takes for us, when it did as we asked."""
    start = utcnow()
    yield
    _collect(name, start, utcnow())


def _collect(name: str, start: datetime.datetime, finish: datetime.datetime) -> None:
    steps = _collected.get()
    if steps is not None:
        steps.append([name, start.isoformat(), finish.isoformat()])


def traced(function: F) -> F:
    """A step named like the function (``Class.method``)."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        with step(function.__qualname__):
            return function(*args, **kwargs)

    return wrapper


def in_thread(function: Callable, *args, **kwargs) -> Callable:
    """``function`` bound for another thread, with this thread's steps and request context."""
    request = oslo_context.get_current()

    def run():
        if request is not None:
            request.update_store()  # which log lines take the request's id from
        return function(*args, **kwargs)

    return functools.partial(contextvars.copy_context().run, run)
