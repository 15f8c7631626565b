"""Locks: one operation at a time on each server of this host, urgent operations first."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator


class _Queue:
    """The waiters for one server. The event of a waiter is set when it gets the lock."""

    def __init__(self) -> None:
        self.urgent: deque[threading.Event] = deque()
        self.others: deque[threading.Event] = deque()


class ServerLocks:
    """A lock for each server. Safe for threads, not reentrant."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, _Queue] = {}  # of the servers that are held

    @contextlib.contextmanager
    def hold(self, uuid: str, urgent: bool = False) -> Iterator[None]:
        """Hold the lock of a server inside.

        Urgent waiters get it first, then the others, in order of arrival.
        """
        self._acquire(uuid, urgent)
        try:
            yield
        finally:
            self._release(uuid)

    def _acquire(self, uuid: str, urgent: bool) -> None:
        with self._lock:
            queue = self._queues.get(uuid)
            if queue is None:
                self._queues[uuid] = _Queue()
                return
            turn = threading.Event()
            (queue.urgent if urgent else queue.others).append(turn)
        turn.wait()

    def _release(self, uuid: str) -> None:
        """Pass the lock directly to the next waiter, so that no other thread can take it."""
        with self._lock:
            queue = self._queues[uuid]
            waiting = queue.urgent or queue.others
            if waiting:
                waiting.popleft().set()
            else:
                del self._queues[uuid]

    def is_urgently_awaited(self, uuid: str) -> bool:
        """Whether an urgent operation waits for the server."""
        with self._lock:
            queue = self._queues.get(uuid)
            return queue is not None and bool(queue.urgent)
