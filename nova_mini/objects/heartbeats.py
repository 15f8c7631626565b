"""A conductor writes the heartbeats of many services with one statement.

So the heartbeats of a thousand computes cost the database one statement every half second.
"""

from __future__ import annotations

import logging
import threading

from nova_mini import db

LOG = logging.getLogger(__name__)

_DELAY = 0.5  # seconds from the first pending heartbeat to the statement


class Heartbeats:
    """Thread-safe. A heartbeat that cannot be written stays pending."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[str, bool] = {}

    def beat(self, incarnation: str, available: bool) -> None:
        """Add the heartbeat of a service to the next statement."""
        with self._lock:
            if not self._pending:
                self._write_soon()
            self._pending[incarnation] = available

    def _write_soon(self) -> None:
        timer = threading.Timer(_DELAY, self._write)
        timer.daemon = True
        timer.start()

    def _write(self) -> None:
        with self._lock:
            beats, self._pending = self._pending, {}
        try:
            db.session.retried(db.services.report)(beats)
        except Exception as exc:
            LOG.warning("%d heartbeats: could not write yet: %s", len(beats), exc)
            with self._lock:
                if not self._pending:
                    self._write_soon()
                self._pending = beats | self._pending
