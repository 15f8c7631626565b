"""The actions that run in this process.

They are registered for two reasons. An action runs only once if its cast arrives twice. And an
action that this process owns but does not run can be found: an error made the process drop it, for
example when the database did not answer at its end, and it must be resumed.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator


class RunningActions:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: set[int] = set()

    def enter(self, action_id: int) -> bool:
        """Register an action. Returns False if it runs already."""
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
        """Register the actions in ``action_ids`` that do not run yet. Returns their ids; the caller
        runs them inside."""
        entered = [action_id for action_id in action_ids if self.enter(action_id)]
        try:
            yield entered
        finally:
            for action_id in entered:
                self.leave(action_id)

    def __contains__(self, action_id: int) -> bool:
        with self._lock:
            return action_id in self._ids
