"""A queue of deliveries that a thread makes in the background, one after the other.

A caller never waits for a delivery. The queue is in the memory of the process, and its length is
limited. A delivery is lost if the queue is full, or if the process ends before it is made. Losses
are counted, and the log reports their number.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

LOG = logging.getLogger(__name__)

_REPORT_INTERVAL = 60.0  # seconds between two reports of losses


class Outbox:
    """Makes deliveries in the order in which they were put.

    ``what``: the name of the deliveries in the log. ``capacity``: how many may wait. The thread
    starts with the first delivery, so the process may fork before.
    """

    def __init__(self, what: str, capacity: int = 1000):
        self._what = what
        self._capacity = capacity
        self._waiting: deque[Callable[[], object]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._unreported = 0
        self._reported_at = float("-inf")
        self.lost = 0

    def has_room(self) -> bool:
        return len(self._waiting) < self._capacity

    def put(self, deliver: Callable[[], object]) -> None:
        """Call ``deliver`` later in the thread. Look at :meth:`has_room` before."""
        with self._changed:
            if self._is_closed:
                self._count(1, "the process ends")
                return
            self._waiting.append(deliver)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
                self._thread.start()

    def lose(self, cause: object, count: int = 1) -> None:
        """Count deliveries that will not be made, and report them from time to time."""
        with self._changed:
            self._count(count, cause)

    def flush(self, seconds: float) -> bool:
        """Wait until nothing waits. False if that takes longer than ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, seconds)

    def close(self, seconds: float) -> None:
        """Make what is put now or later a loss, after up to ``seconds`` for what waits already."""
        self.flush(seconds)
        with self._changed:
            self._is_closed = True
            if self._waiting:
                self._count(len(self._waiting), "the process ends")
                self._waiting.clear()
            self._report("the process ends")
            self._changed.notify_all()

    def pause(self, seconds: float) -> bool:
        """Wait before a delivery is tried again. False if it must not be: the process ends.

        Called by a delivery.
        """
        with self._changed:
            return not self._changed.wait_for(lambda: self._is_closed, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    return
                deliver = self._waiting[0]
            cause = None
            try:
                deliver()
            except Exception as exc:  # of oslo.messaging, kombu, amqp or the socket
                cause = exc
            with self._changed:
                if self._is_closed and not self._waiting:  # counted already
                    return
                self._waiting.popleft()
                if cause:
                    self._count(1, cause)
                else:
                    self._report("deliveries are made again")
                self._changed.notify_all()

    def _count(self, count: int, cause: object) -> None:
        self.lost += count
        self._unreported += count
        if time.monotonic() - self._reported_at >= _REPORT_INTERVAL:
            self._report(cause)

    def _report(self, cause: object) -> None:
        if not self._unreported:
            return
        LOG.warning(
            "%s: %d lost, %d since the start: %s", self._what, self._unreported, self.lost, cause
        )
        self._unreported, self._reported_at = 0, time.monotonic()
