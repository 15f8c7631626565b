"""Who asked for the operations that wait for a neighbour, with the token that came with it.

A conductor sends such an operation again, and has no token of its user: no database holds one. As
long as this process lives, the operation need not go on without.
"""

from __future__ import annotations

import threading

from cachetools import TTLCache

from nova_mini.context import RequestContext

# An operation may have ended elsewhere meanwhile (its server was deleted): nothing is kept longer
# than most tokens are good for.
_MOST, _SECONDS = 1000, 3600


class WaitingContexts:
    def __init__(self):
        self._lock = threading.Lock()
        self._kept: TTLCache[int, RequestContext] = TTLCache(_MOST, _SECONDS)

    def keep(self, action_id: int, context: RequestContext) -> None:
        if context.auth_token:
            with self._lock:
                self._kept[action_id] = context

    def take(self, action_id: int, context: RequestContext) -> RequestContext:
        """The one that was kept, or else that of the message."""
        with self._lock:
            return self._kept.pop(action_id, context)
