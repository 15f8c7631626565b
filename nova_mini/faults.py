"""Fault injection for tests: a process kills itself at a step, loses a message or sends it twice.

A test orders a fault by a file in the directory NOVA_MINI_FAULT_DIR, which no real cloud sets. The
file is named after the fault injection point. The process removes the file before it injects the
fault, so its next incarnation does not inject it again.
"""

from __future__ import annotations

import logging
import os
import pathlib
import signal

LOG = logging.getLogger(__name__)

_directory = os.environ.get("NOVA_MINI_FAULT_DIR")


def inject(point: str) -> None:
    """Send this process the signal that a test ordered for a fault injection point, if any.

    ``point``: the name of a step (its end), "before" and the name of a step, or the name of an
    object's remotable method. The order contains the name of the signal; if empty, SIGKILL.
    """
    name = _take(point)
    if name is not None:
        LOG.warning("%s at %s: injected by a test", name or "SIGKILL", point)
        os.kill(os.getpid(), signal.Signals[name or "SIGKILL"])


def log_point(message: str) -> None:
    """Log that an injection point was reached, if tests inject faults in this process."""
    if _directory:
        LOG.debug(message)


def copies(method: str) -> int:
    """How many times the message ``method`` is sent: once, or as the order "cast <method>" says."""
    number = _take(f"cast {method}")
    return 1 if number is None else int(number)


def _take(name: str) -> str | None:
    """Remove the order ``name`` and return its content; None if there is no order.

    "<content> <n>" is an order for the n-th pass: each earlier pass only decrements n.
    """
    if not _directory:
        return None
    order = pathlib.Path(_directory) / name
    try:
        text, _, nth = order.read_text().partition(" ")
        if int(nth or 1) > 1:
            draft = order.with_name(f".{name}")
            draft.write_text(f"{text} {int(nth) - 1}")
            draft.replace(order)
            return None
        order.unlink()
    except FileNotFoundError:
        return None
    return text
