"""What a service tells systemd (``sd_notify``); nothing when systemd did not start it.

oslo.service can say that a service is ready, but not feed the watchdog.
"""

from __future__ import annotations

import os
import socket


def notify(message: str) -> None:
    """``READY=1``, ``STOPPING=1``, ``WATCHDOG=1``, ``STATUS=...``: see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.send(message.encode())


def watchdog_interval() -> float | None:
    """Seconds between two ``WATCHDOG=1``: half of what systemd allows; None without a watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    return int(microseconds) / 2e6 if microseconds else None
