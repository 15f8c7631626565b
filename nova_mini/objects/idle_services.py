"""Who has done all that it was asked for. Of a thousand computes that ask what they have not done,
most have nothing to do: one look at the database tells it to all that ask in the same moment.
"""

from __future__ import annotations

import threading
import time

from nova_mini import db

# Seconds that a look is good for. What was asked for since then is not missed: its message is on
# the way.
_GOOD_FOR = 2


class IdleServices:
    """The incarnations of which it is known. Any thread may use it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._seen: frozenset[str] = frozenset()
        self._good_until = 0.0

    def __contains__(self, incarnation: str) -> bool:
        """False: it has something to do, or has just started, or has been replaced."""
        with self._lock:
            now = time.monotonic()
            if now >= self._good_until:
                self._seen = db.services.get_idle()
                self._good_until = now + _GOOD_FOR
            return incarnation in self._seen
