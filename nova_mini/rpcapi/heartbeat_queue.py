"""The queue of heartbeats, from which conductors read many messages at a time.

Heartbeats are not RPC casts, because the dispatch of a cast to a thread doubles the cost of a
message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import oslo_messaging as messaging

from nova_mini import rpc

_TOPIC = "heartbeats"
# The maximum number of messages in a batch, and the seconds for which a batch is collected.
_BATCH = {"batch_size": 1000, "batch_timeout": 0.25}


class Heart:
    """Sends heartbeats. Create it after :func:`nova_mini.rpc.init`."""

    def __init__(self) -> None:
        self._notifier = messaging.Notifier(
            rpc.get_internal_notification_transport(),
            driver="messagingv2",
            topics=[_TOPIC],
            retry=1,
        )

    def beat(self, incarnation: str, available: bool) -> None:
        """Send a heartbeat to any conductor. A failure is only logged: the next one follows."""
        self._notifier.info({}, "heartbeat", [incarnation, available])


def get_server(take: Callable[[str, bool], None]) -> messaging.MessageHandlingServer:
    """Return a server that calls ``take(incarnation, available)`` for each heartbeat.

    Uses one thread.
    """

    class Endpoint:
        def info(self, messages: list[dict[str, Any]]) -> None:
            for message in messages:
                take(*message["payload"])

    return messaging.get_batch_notification_listener(
        rpc.get_internal_notification_transport(),
        [messaging.Target(topic=_TOPIC)],
        [Endpoint()],
        executor="threading",
        **_BATCH,
    )
