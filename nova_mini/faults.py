"""Faults that a test orders: a process of ours dies at a step, loses a message or sends it twice.

Orders are files in NOVA_MINI_FAULT_DIR, which no real cloud sets. Whoever obeys one takes it away
first: so it is obeyed once, and the next incarnation of who dies of it lives.
"""

from __future__ import annotations

import logging
import os
import pathlib
import signal

LOG = logging.getLogger(__name__)

_directory = os.environ.get("NOVA_MINI_FAULT_DIR")


def strike(moment: str) -> None:
    """``moment``: a step, for its end, or "before" and a step, or a call of an object's method. An
    order of that name holds the signal that this process sends itself; an empty one is SIGKILL."""
    name = _take(moment)
    if name is not None:
        LOG.warning("%s at %s, as a test asked", name or "SIGKILL", moment)
        os.kill(os.getpid(), signal.Signals[name or "SIGKILL"])


def tell(what: str) -> None:
    """A test that orders faults finds in the log when they may strike."""
    if _directory:
        LOG.debug(what)


def copies(method: str) -> int:
    """How often the message ``method`` is sent: once, or what an order "cast <method>" holds."""
    number = _take(f"cast {method}")
    return 1 if number is None else int(number)


def _take(name: str) -> str | None:
    """What the order of that name says, if it is for this time: a number behind it is the which of
    the next times it is for."""
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
