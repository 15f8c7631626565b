"""Loopback ports."""

from __future__ import annotations

import contextlib
import socket

ADDRESS = "127.0.0.1"


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


def greets(port: int, say: bytes, expected: bytes) -> bool:
    """Whether who listens there answers ``say`` with a message that holds ``expected``."""
    try:
        with socket.create_connection((ADDRESS, port), timeout=2) as line:
            line.sendall(say)
            return expected in line.recv(4096)
    except OSError:
        return False
