"""A cache of the services that have no unfinished actions.

Of a thousand computes that check in, most have none. One query answers all that check in within two
seconds.
"""

from __future__ import annotations

import threading
import time

from nova_mini import db

# Seconds until the query is repeated. Actions that began since then are not missed, because they
# were also sent as messages.
_VALID_FOR = 2


class IdleServices:
    """The incarnations of the services without unfinished actions. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: frozenset[str] = frozenset()
        self._valid_until = 0.0

    def __contains__(self, incarnation: str) -> bool:
        """False if it has an unfinished action, or is not known: it is new or was replaced."""
        with self._lock:
            now = time.monotonic()
            if now >= self._valid_until:
                self._idle = db.services.get_idle()
                self._valid_until = now + _VALID_FOR
            return incarnation in self._idle
