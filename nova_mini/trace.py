"""Steps: the spans of a request on its way through the services.

``with step("name")`` or ``@traced("name")`` marks a step. A step writes a debug log line with the
request ID and, in an operation on a server, an event with its times into the action history of the
server. The begin and the end of a step are fault injection points: see ``faults``.

``with waiting("name")`` marks a wait for another service, which only the history shows.
"""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ParamSpec, TypeVar

from oslo_context import context as oslo_context

from nova_mini import faults
from nova_mini.clock import utcnow

LOG = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

Steps = list[list[str]]
_collected: contextvars.ContextVar[Steps | None] = contextvars.ContextVar("steps", default=None)


@contextlib.contextmanager
def collecting() -> Iterator[Steps]:
    """Collect the steps that run inside the block, as [name, start, finish] with ISO times. Those
    of another service have its host as a fourth item."""
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
    faults.inject(f"before {name}")
    try:
        yield
    except BaseException as exc:
        LOG.debug("step %s failed: %s", name, type(exc).__name__)
        raise
    finish = utcnow()
    LOG.debug("step %s took %.1f ms", name, (finish - start).total_seconds() * 1000)
    _collect(name, start, finish)
    faults.inject(name)


@contextlib.contextmanager
def waiting(name: str) -> Iterator[None]:
    """Record the time that a request to another service takes, if it succeeds."""
    start = utcnow()
    yield
    _collect(name, start, utcnow())


def _collect(name: str, start: datetime.datetime, finish: datetime.datetime) -> None:
    steps = _collected.get()
    if steps is not None:
        steps.append([name, start.isoformat(), finish.isoformat()])


def include(steps: Iterable[Sequence[str]]) -> None:
    """Add the steps of another service, which has done a part of the work for this one."""
    collected = _collected.get()
    if collected is not None:
        collected.extend(list(each) for each in steps)


def traced(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make each call of a function the step ``name``.

    Users see the name in the history of a server, and fault injection refers to it, so it does not
    change when the function is renamed.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            with step(name):
                return function(*args, **kwargs)

        return wrapper

    return decorate


def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Callable[[], R]:
    """``function`` with its arguments, to be called in another thread with the steps and the
    request context of this thread."""
    request = oslo_context.get_current()

    def run() -> R:
        if request is not None:
            request.update_store()  # log lines take the request ID from there
        return function(*args, **kwargs)

    return functools.partial(contextvars.copy_context().run, run)
