"""Loopback ports."""

from __future__ import annotations

import contextlib
import socket

ADDRESS = "127.0.0.1"


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


def greets(port: int, request: bytes, expected: bytes) -> bool:
    """Whether a server listens on the port and answers ``request`` with a message that contains
    ``expected``."""
    try:
        with socket.create_connection((ADDRESS, port), timeout=2) as line:
            line.sendall(request)
            return expected in line.recv(4096)
    except OSError:
        return False
