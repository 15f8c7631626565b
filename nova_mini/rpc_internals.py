"""The private parts of oslo.messaging that nova_mini uses. No other module uses any.

``pyproject.toml`` limits the version of oslo.messaging, and ``tests/unit/test_rpc_internals.py``
fails when a release changes one of these parts.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from typing import Any

import oslo_messaging as messaging
from oslo_config import cfg
from oslo_messaging._drivers import amqpdriver, impl_rabbit
from oslo_messaging.transport import NotificationTransport


def register_rabbit_options(conf: cfg.ConfigOpts) -> None:
    """Register ``[oslo_messaging_rabbit]`` before the driver does, so that defaults can be set."""
    conf.register_opts(impl_rabbit.rabbit_opts, group="oslo_messaging_rabbit")


def set_poll_intervals(shortest: float, longest: float) -> None:
    """Set how long (seconds) a thread waits for a message before it looks for other work.

    The interval is ``shortest`` after a message, and doubles up to ``longest`` without one.
    """
    amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MIN = shortest
    amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MAX = longest


def notification_transport(transport: messaging.Transport) -> NotificationTransport:
    """A transport for notifications over the connections of an RPC transport."""
    return NotificationTransport(transport._driver)


class BackgroundTransport(NotificationTransport):
    """A transport that leaves the sending of each notification to ``put(send)``, with which it
    returns at once. ``send()`` raises what the driver raises, which a notifier only logs."""

    def __init__(self, transport: NotificationTransport, put: Callable[[Callable[[], None]], None]):
        super().__init__(transport._driver)
        self._put = put

    def _send_notification(self, *args: Any, **kwargs: Any) -> None:
        self._put(functools.partial(super()._send_notification, *args, **kwargs))


def broker_socket(server: messaging.MessageHandlingServer) -> socket.socket | None:
    """The socket on which a started server consumes from RabbitMQ.

    None with another driver, or while there is no connection.
    """
    listening = getattr(server.listener._poll_style_listener, "conn", None)
    channel = listening.channel if listening is not None else None
    # A channel that the broker has closed has no connection any more.
    connection = channel.connection if channel is not None else None
    return connection.sock if connection is not None else None
