"""Messages that a user has requested something of a live migration: to abort it, or to complete it.

The request itself is in the record of the migration. The message only says that it must be read
now. It may be lost: the record is also read with each report of the progress.
"""

from __future__ import annotations

import threading


class LiveRequests:
    """Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: set[str] = set()

    def add(self, instance_uuid: str) -> None:
        with self._lock:
            self._servers.add(instance_uuid)

    def take(self, instance_uuid: str) -> bool:
        """Whether a message has come since the last call."""
        with self._lock:
            is_there = instance_uuid in self._servers
            self._servers.discard(instance_uuid)
            return is_there
