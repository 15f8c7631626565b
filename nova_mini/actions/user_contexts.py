"""The users' tokens of requeued operations.

A conductor that sends a requeued operation again has no token of its user, because tokens are not
stored in the database. If this process still runs, it has kept the token of the first attempt.
"""

from __future__ import annotations

import threading

from cachetools import TTLCache

from nova_mini.context import RequestContext

# An action may end elsewhere (its server is deleted), so a context is kept only for a limited time:
# about as long as most tokens are valid.
_MAX_CONTEXTS, _SECONDS = 1000, 3600


class UserContexts:
    """Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: TTLCache[int, RequestContext] = TTLCache(_MAX_CONTEXTS, _SECONDS)

    def keep(self, action_id: int, context: RequestContext) -> None:
        if context.auth_token:
            with self._lock:
                self._kept[action_id] = context

    def take(self, action_id: int, context: RequestContext) -> RequestContext:
        """The kept context of the action, or ``context`` if none was kept."""
        with self._lock:
            return self._kept.pop(action_id, context)
