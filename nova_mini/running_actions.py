"""Which actions this process is doing.

A message that comes twice is done once; and an action that we own and are not doing was dropped by
an error (the database was away when its end was to be written), so it must be taken up again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator


class RunningActions:
    def __init__(self):
        self._lock = threading.Lock()
        self._ids: set[int] = set()

    def enter(self, action_id: int) -> bool:
        """False when it is being done already."""
        with self._lock:
            if action_id in self._ids:
                return False
            self._ids.add(action_id)
            return True

    def leave(self, action_id: int) -> None:
        with self._lock:
            self._ids.discard(action_id)

    @contextlib.contextmanager
    def entered(self, action_ids: Collection[int]) -> Iterator[list[int]]:
        """Those of ``action_ids`` that nobody is doing: they are done inside."""
        mine = [action_id for action_id in action_ids if self.enter(action_id)]
        try:
            yield mine
        finally:
            for action_id in mine:
                self.leave(action_id)

    def __contains__(self, action_id: int) -> bool:
        with self._lock:
            return action_id in self._ids
