"""Heartbeats are written together: those of a thousand computes cost the database one statement
each moment, and the conductor that takes one up not more than its message.
"""

from __future__ import annotations

import logging
import threading

from nova_mini import db

LOG = logging.getLogger(__name__)

_PAUSE = 0.5  # seconds that a heartbeat waits for others


class Heartbeats:
    """Any thread may use it. A heartbeat that cannot be written is kept until it can."""

    def __init__(self):
        self._lock = threading.Lock()
        self._waiting: dict[str, bool] = {}

    def beat(self, incarnation: str, available: bool) -> None:
        with self._lock:
            if not self._waiting:
                self._write_soon()
            self._waiting[incarnation] = available

    def _write_soon(self) -> None:
        timer = threading.Timer(_PAUSE, self._write)
        timer.daemon = True
        timer.start()

    def _write(self) -> None:
        with self._lock:
            beats, self._waiting = self._waiting, {}
        try:
            db.session.retried(db.services.report)(beats)
        except Exception as exc:
            LOG.warning("%d heartbeats cannot be written yet: %s", len(beats), exc)
            with self._lock:
                if not self._waiting:
                    self._write_soon()
                self._waiting = beats | self._waiting
