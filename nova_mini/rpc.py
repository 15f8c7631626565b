"""The message bus: one transport for each process; RPC clients and servers.

Messages carry versioned objects and the request context. oslo.messaging acknowledges a message
before it runs the handler, so a cast is lost when its receiver dies. For this reason no operation
relies on a cast alone: the database has a row for it.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import amqp.exceptions
import kombu.exceptions
import oslo_messaging as messaging

from nova_mini import context as nova_context
from nova_mini import exception, faults, rpc_internals
from nova_mini.conf import CONF
from nova_mini.objects.base import NovaObjectSerializer
from nova_mini.outbox import Outbox

LOG = logging.getLogger(__name__)

CONDUCTOR_TOPIC = "conductor"
SCHEDULER_TOPIC = "scheduler"
COMPUTE_TOPIC = "compute"
_AMQP_PORT = 5672
# How long (seconds) a thread waits for a message before it looks for other work; the interval
# doubles while no message arrives. oslo.messaging's own values are 0.001 and 5. The first is for
# acknowledgements after the handler, which nova_mini does not use, and costs a busy process more
# than its messages; the second delays each stop of a service.
_SHORTEST_POLL = 0.05
_LONGEST_POLL = 1.0

_RECONNECT_INTERVAL = 1.0  # seconds between two attempts to reach the broker of the notifications
_FLUSH_SECONDS = 5  # how long the end of a process waits for its last notifications

# After these errors of a call, the receiver may or may not have executed it.
UNANSWERED = (messaging.MessagingTimeout, messaging.MessageDeliveryFailure)
# oslo.messaging passes them on when a connection or a channel cannot be opened.
_NOT_CONNECTED = (kombu.exceptions.OperationalError, amqp.exceptions.AMQPError, OSError)

_transport: messaging.Transport | None = None
_notifier: messaging.Notifier | None = None
_versioned_notifier: messaging.Notifier | None = None
_notifications = Outbox("Notifications")


def set_defaults() -> None:
    """Set the defaults of oslo.messaging. Call before the command line is parsed.

    Requests wait in quorum queues, which survive the loss of a broker. Replies do not: the caller
    sends its request again.
    """
    messaging.set_transport_defaults("nova-mini")
    rpc_internals.register_rabbit_options(CONF)
    CONF.set_default("rabbit_quorum_queue", True, group="oslo_messaging_rabbit")
    CONF.set_default("kombu_reconnect_delay", 0.2, group="oslo_messaging_rabbit")
    CONF.set_default("rabbit_interval_max", 2, group="oslo_messaging_rabbit")
    rpc_internals.set_poll_intervals(_SHORTEST_POLL, _LONGEST_POLL)


def init() -> None:
    """Create the transport from the configuration. Connections are opened when first used."""
    global _transport, _notifier, _versioned_notifier, _notifications
    _transport = messaging.get_rpc_transport(CONF, allowed_remote_exmods=[exception.__name__])
    _notifications = Outbox("Notifications")
    transport = rpc_internals.BackgroundTransport(
        messaging.get_notification_transport(CONF), _put_notification
    )
    serializer = RequestContextSerializer()
    _notifier = messaging.Notifier(transport, serializer=serializer)
    topics = CONF.notifications.versioned_notifications_topics
    _versioned_notifier = messaging.Notifier(transport, serializer=serializer, topics=topics)


def get_internal_notification_transport() -> messaging.Transport:
    """A transport for notifications between the services of nova_mini, such as heartbeats.

    It uses the RPC connections, and not ``[oslo_messaging_notifications] transport_url``.
    """
    return rpc_internals.notification_transport(_transport)


def is_reachable(seconds: float = 3) -> bool:
    """Whether any broker of ``transport_url`` accepts a connection within ``seconds``.

    An RPC client would wait for a broker without a limit. Called by the doctor.
    """
    for host in messaging.TransportURL.parse(CONF).hosts:
        try:
            socket.create_connection((host.hostname, host.port or _AMQP_PORT), seconds).close()
        except OSError as exc:
            LOG.debug("Broker %s: could not connect: %s", host.hostname, exc)
        else:
            return True
    return False


def cleanup() -> None:
    """Send the notifications that wait, for a few seconds. Close the transport and all its
    connections."""
    global _transport, _notifier, _versioned_notifier
    _notifications.close(_FLUSH_SECONDS)
    if _transport is not None:
        _transport.cleanup()
    _transport = _notifier = _versioned_notifier = None


class RequestContextSerializer(messaging.Serializer):
    """Serializes versioned objects and the request context."""

    def __init__(self) -> None:
        self._base = NovaObjectSerializer()

    def serialize_entity(self, context: nova_context.RequestContext, entity: Any) -> Any:
        return self._base.serialize_entity(context, entity)

    def deserialize_entity(self, context: nova_context.RequestContext, entity: Any) -> Any:
        return self._base.deserialize_entity(context, entity)

    def serialize_context(self, context: nova_context.RequestContext) -> dict[str, Any]:
        values = context.to_dict()
        return {name: value for name, value in values.items() if value not in (None, [])}

    def deserialize_context(self, context: dict[str, Any]) -> nova_context.RequestContext:
        return nova_context.RequestContext.from_dict(context)


def get_client(target: messaging.Target) -> Client:
    serializer = RequestContextSerializer()
    return Client(messaging.get_rpc_client(_transport, target, serializer=serializer))


class Client:
    """An RPC client that always raises MessageDeliveryFailure when no broker is available.

    oslo.messaging raises it only for an open connection.
    """

    def __init__(self, client: messaging.RPCClient):
        self._client = client

    def prepare(self, **options: Any) -> Client:
        """``options``: as of ``oslo_messaging.RPCClient.prepare``."""
        return Client(self._client.prepare(**options))

    def call(self, context: nova_context.RequestContext, method: str, **kwargs: Any) -> Any:
        """Send a request and return its reply. Raises what the handler raised, MessagingTimeout,
        MessageDeliveryFailure."""
        with _errors_translated():
            return self._client.call(context, method, **kwargs)

    def cast(self, context: nova_context.RequestContext, method: str, **kwargs: Any) -> None:
        """Send a request without a reply. Raises MessageDeliveryFailure."""
        with _errors_translated():
            self._client.cast(context, method, **kwargs)


@contextlib.contextmanager
def _errors_translated() -> Iterator[None]:
    try:
        yield
    except exception.NovaException as exc:
        # oslo.messaging raises a subclass whose text contains the traceback of the remote side.
        # It would add 40 lines to every log line that contains the error.
        exc.__class__ = _raised_class(exc)
        raise
    except _NOT_CONNECTED as exc:
        raise messaging.MessageDeliveryFailure(f"no broker answers: {exc}") from exc


def _raised_class(exc: exception.NovaException) -> type[exception.NovaException]:
    """The class of the exception on the remote side."""
    return next(cls for cls in type(exc).__mro__ if cls.__module__ == exception.__name__)


def get_server(target: messaging.Target, endpoints: list) -> messaging.RPCServer:
    """An RPC server whose handlers run in a pool of native threads."""
    return messaging.get_rpc_server(
        _transport,
        target,
        endpoints,
        executor="threading",
        serializer=RequestContextSerializer(),
        access_policy=messaging.DefaultRPCAccessPolicy,
    )


def stop_listening(server: messaging.MessageHandlingServer) -> None:
    """Accept no new messages. Handlers that are running continue.

    oslo.messaging keeps the connection open until the server is closed. The broker continues to
    send, and these messages would be acknowledged at the close without being handled. So the
    sending side of the connection is closed here: the broker then delivers all unacknowledged
    messages to other servers at once.
    """
    server.stop()
    connection = rpc_internals.broker_socket(server)
    if connection is None:
        return
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError as exc:
        LOG.debug("Broker: the connection was closed already: %s", exc)


def get_notifier(publisher_id: str) -> messaging.Notifier:
    """A sender of notifications. The drivers that need a broker only queue them."""
    if _notifier is None:
        raise RuntimeError("init() has not been called")
    return _notifier.prepare(publisher_id=publisher_id)


def get_versioned_notifier(publisher_id: str) -> messaging.Notifier:
    if _versioned_notifier is None:
        raise RuntimeError("init() has not been called")
    return _versioned_notifier.prepare(publisher_id=publisher_id)


def get_notification_queue() -> Outbox:
    """The notifications that wait for the broker. All threads of the process share it."""
    return _notifications


def _put_notification(send: Callable[[], None]) -> None:
    queue = _notifications
    queue.put(lambda: _send_notification(queue, send))


def _send_notification(queue: Outbox, send: Callable[[], None]) -> None:
    """Send a notification, as often as ``[oslo_messaging_notifications] retry`` says.

    With the default of that option, oslo.messaging waits without a limit for a broker that was
    lost; but it tries only once to reach one at first.
    """
    is_logged = False
    while True:
        try:
            return send()
        except _NOT_CONNECTED as exc:
            if CONF.oslo_messaging_notifications.retry >= 0:
                raise
            if not is_logged:
                LOG.warning("Notifications: no broker answers, they wait: %s", exc)
            is_logged = True
            if not queue.pause(_RECONNECT_INTERVAL):
                raise


def are_notifications_enabled() -> bool:
    """Whether a configured driver sends notifications. If not, none need to be created."""
    if _notifier is None:  # before init()
        return False
    return any(name not in ("", "noop") for name in CONF.oslo_messaging_notifications.driver)


def cast_hint(
    prepared_client: Client, context: nova_context.RequestContext, method: str, **kwargs: Any
) -> None:
    """Cast a message that is only a hint: the row that it refers to is already committed.

    Never raises. If no broker is available, a conductor sends the message again later.
    """
    LOG.debug("Casting %s", method)
    try:
        for _ in range(faults.copies(method)):
            prepared_client.prepare(retry=1).cast(context, method, **kwargs)
    except messaging.MessagingException as exc:
        LOG.warning("Message %s: could not send, a conductor will send it again: %s", method, exc)
