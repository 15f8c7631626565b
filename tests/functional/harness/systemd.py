"""A stand-in for systemd that receives the ``sd_notify`` messages of a daemon."""

from __future__ import annotations

import socket
import threading
import uuid

_MESSAGE_BYTES = 4096


class Systemd:
    """``address``: the value of ``NOTIFY_SOCKET``. ``ready``: set when the daemon is ready.

    Each start of a daemon needs a new one.
    """

    def __init__(self):
        name = f"nova-mini-test-{uuid.uuid4()}"
        self.address = f"@{name}"
        self.ready = threading.Event()
        notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notifications.bind(f"\0{name}")
        threading.Thread(target=self._listen, args=(notifications,), daemon=True).start()

    def _listen(self, notifications: socket.socket) -> None:
        """Receive until the tests end: without a receiver, a sender would block."""
        while True:
            if b"READY=1" in notifications.recv(_MESSAGE_BYTES):
                self.ready.set()
