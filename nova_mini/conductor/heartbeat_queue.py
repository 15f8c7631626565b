"""Heartbeats go beside the calls, in a queue that conductors read many at a time: a message that is
handed to a thread and dispatched costs twice as much as one that is only read."""

from __future__ import annotations

from collections.abc import Callable

import oslo_messaging as messaging

from nova_mini import rpc

_TOPIC = "heartbeats"
# How many are read at once, and the seconds that the first of them waits for others.
_BATCH = {"batch_size": 1000, "batch_timeout": 0.25}


class Heart:
    """The sending side. Make it when the bus is there (:func:`nova_mini.rpc.init`)."""

    def __init__(self):
        self._notifier = messaging.Notifier(
            rpc.beside_calls(), driver="messagingv2", topics=[_TOPIC], retry=1
        )

    def beat(self, incarnation: str, available: bool) -> None:
        """To any conductor. One that cannot be sent is logged: the next says the same."""
        self._notifier.info({}, "heartbeat", [incarnation, available])


def get_server(take: Callable[[str, bool], None]) -> messaging.MessageHandlingServer:
    """A server that gives each heartbeat to ``take``, from one thread."""

    class Endpoint:
        def info(self, messages: list[dict]) -> None:
            for message in messages:
                take(*message["payload"])

    return messaging.get_batch_notification_listener(
        rpc.beside_calls(),
        [messaging.Target(topic=_TOPIC)],
        [Endpoint()],
        executor="threading",
        **_BATCH,
    )
