"""Waits with a timeout."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 0.02


def until(description: str, attempt: Callable[[], T], seconds: float, pause: float = _PAUSE) -> T:
    """Call ``attempt`` until its result is true, and return it.

    Raises AssertionError with the description after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = attempt()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {description} (last seen: {result!r})")
        time.sleep(pause)
