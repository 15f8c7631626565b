"""What systemd does for one run of a daemon: it listens to ``sd_notify``."""

from __future__ import annotations

import socket
import threading
import uuid

_MESSAGE_BYTES = 4096


class Systemd:
    """``address`` is for ``NOTIFY_SOCKET``; ``ready`` is set when the daemon says so.

    One for each run: what a predecessor said does not count.
    """

    def __init__(self):
        name = f"nova-mini-test-{uuid.uuid4()}"
        self.address = f"@{name}"
        self.ready = threading.Event()
        notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notifications.bind(f"\0{name}")
        threading.Thread(target=self._listen, args=(notifications,), daemon=True).start()

    def _listen(self, notifications: socket.socket) -> None:
        """To the end of the tests: a sender that nobody hears would wait for ever."""
        while True:
            if b"READY=1" in notifications.recv(_MESSAGE_BYTES):
                self.ready.set()
