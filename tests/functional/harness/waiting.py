"""Bounded waits: a test never hangs and never sleeps longer than it must."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 0.02


def until(what: str, attempt: Callable[[], T], seconds: float, pause: float = _PAUSE) -> T:
    """The first true result of ``attempt``; AssertionError names ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        result = attempt()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (last seen: {result!r})")
        time.sleep(pause)
