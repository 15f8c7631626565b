"""Notify systemd (``sd_notify``). Does nothing when systemd did not start the service.

oslo.service can report that a service is ready, but it cannot notify the watchdog.
"""

from __future__ import annotations

import os
import socket


def notify(message: str) -> None:
    """Send a message such as ``READY=1`` or ``WATCHDOG=1``: see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.send(message.encode())


def watchdog_interval() -> float | None:
    """Seconds between two ``WATCHDOG=1``: half the timeout of the watchdog; None without one."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    return int(microseconds) / 2e6 if microseconds else None
