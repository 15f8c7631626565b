"""The message bus: one transport for each process, clients and servers made the same way.

Messages carry versioned objects (by their serializer) and the request context. oslo.messaging
acknowledges a message before it runs the handler, so a cast may be lost with its consumer: nothing
of ours relies on a cast alone (see ``objects.instance_action``).
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

import amqp.exceptions
import kombu.exceptions
import oslo_messaging as messaging
from oslo_messaging._drivers import amqpdriver, impl_rabbit
from oslo_messaging.transport import NotificationTransport

from nova_mini import context as nova_context
from nova_mini import exception, faults
from nova_mini.conf import CONF
from nova_mini.objects.base import NovaObjectSerializer

LOG = logging.getLogger(__name__)

CONDUCTOR_TOPIC = "conductor"
SCHEDULER_TOPIC = "scheduler"
COMPUTE_TOPIC = "compute"
_AMQP_PORT = 5672
# A thread that waits for messages looks up now and then: so many seconds after one came, twice as
# many when none did, and so on. The library's own figures are a millisecond, for acknowledgements
# that are made late (ours are made when a message is read, and a busy process spent more time on
# looking up than on its messages), and at last five seconds, for which each stop had to wait.
_FIRST_LOOK_UP = 0.05
_LOOK_UP_AT_LEAST = 1.0

# A call that ended so may have been heard or not.
UNANSWERED = (messaging.MessagingTimeout, messaging.MessageDeliveryFailure)

_transport: messaging.Transport | None = None
_notifier: messaging.Notifier | None = None


def set_defaults() -> None:
    """Call before the command line is parsed. Requests wait in quorum queues, which outlive a
    broker; a reply that is lost with one is asked for again."""
    messaging.set_transport_defaults("nova-mini")
    CONF.register_opts(impl_rabbit.rabbit_opts, group="oslo_messaging_rabbit")
    CONF.set_default("rabbit_quorum_queue", True, group="oslo_messaging_rabbit")
    CONF.set_default("kombu_reconnect_delay", 0.2, group="oslo_messaging_rabbit")
    CONF.set_default("rabbit_interval_max", 2, group="oslo_messaging_rabbit")
    amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MIN = _FIRST_LOOK_UP
    amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MAX = _LOOK_UP_AT_LEAST


def init() -> None:
    """Make the transport from the configuration. Connections are opened when they are needed."""
    global _transport, _notifier
    _transport = messaging.get_rpc_transport(CONF, allowed_remote_exmods=[exception.__name__])
    _notifier = messaging.Notifier(
        messaging.get_notification_transport(CONF), serializer=RequestContextSerializer()
    )


def beside_calls() -> NotificationTransport:
    """A transport for messages of ours that are no calls: over the connections of the calls,
    wherever an operator sends his notifications."""
    return NotificationTransport(_transport._driver)


def is_reachable(seconds: float = 3) -> bool:
    """Whether some broker listens: a call would wait for one without end. Asked by the doctor."""
    for host in messaging.TransportURL.parse(CONF).hosts:
        try:
            socket.create_connection((host.hostname, host.port or _AMQP_PORT), seconds).close()
        except OSError as exc:
            LOG.debug("Broker %s does not answer: %s", host.hostname, exc)
        else:
            return True
    return False


def cleanup() -> None:
    global _transport, _notifier
    if _transport is not None:
        _transport.cleanup()
    _transport = _notifier = None


class RequestContextSerializer(messaging.Serializer):
    """Objects by their own serializer; what the context holds as a dict beside them."""

    def __init__(self):
        self._base = NovaObjectSerializer()

    def serialize_entity(self, context, entity):
        return self._base.serialize_entity(context, entity)

    def deserialize_entity(self, context, entity):
        return self._base.deserialize_entity(context, entity)

    def serialize_context(self, context):
        held = context.to_dict()
        return {name: value for name, value in held.items() if value not in (None, [])}

    def deserialize_context(self, context):
        return nova_context.RequestContext.from_dict(context)


def get_client(target: messaging.Target) -> Client:
    serializer = RequestContextSerializer()
    return Client(messaging.get_rpc_client(_transport, target, serializer=serializer))


class Client:
    """oslo.messaging's, with one word for a broker that is away: MessageDeliveryFailure.

    That one itself says so of a connection it has; one that breaks while a channel is opened, or
    cannot be made, it tells of in the words of the libraries below it.
    """

    def __init__(self, client: messaging.RPCClient):
        self._client = client

    def prepare(self, **options) -> Client:
        """With the options of ``RPCClient.prepare``."""
        return Client(self._client.prepare(**options))

    def call(self, context, method: str, **kwargs):
        with _one_word():
            return self._client.call(context, method, **kwargs)

    def cast(self, context, method: str, **kwargs) -> None:
        with _one_word():
            self._client.cast(context, method, **kwargs)


@contextlib.contextmanager
def _one_word() -> Iterator[None]:
    try:
        yield
    except (kombu.exceptions.OperationalError, amqp.exceptions.AMQPError, OSError) as exc:
        raise messaging.MessageDeliveryFailure(f"no broker answers: {exc}") from exc


def get_server(target: messaging.Target, endpoints: list) -> messaging.RPCServer:
    """A server whose handlers run in a pool of native threads."""
    return messaging.get_rpc_server(
        _transport,
        target,
        endpoints,
        executor="threading",
        serializer=RequestContextSerializer(),
        access_policy=messaging.DefaultRPCAccessPolicy,
    )


def stop_listening(server: messaging.MessageHandlingServer) -> None:
    """Take nothing new; what was taken is still being worked on.

    The broker goes on sending to a server of oslo.messaging until it is closed, and what it had
    sent till then would be acknowledged at the close and never read. So our side of that connection
    ends here, and the broker gives what it sent to somebody else at once.
    """
    server.stop()
    connection = getattr(server.listener._poll_style_listener, "conn", None)
    if connection is None or connection.channel is None:
        return  # not RabbitMQ, or it is away
    try:
        connection.channel.connection.sock.shutdown(socket.SHUT_WR)
    except OSError as exc:
        LOG.debug("The broker has closed the connection already: %s", exc)


def get_notifier(publisher_id: str) -> messaging.Notifier:
    return _notifier.prepare(publisher_id=publisher_id)


def notifications_wanted() -> bool:
    """Whether any configured driver sends notifications: none, and none has to be made."""
    return any(name not in ("", "noop") for name in CONF.oslo_messaging_notifications.driver)


def cast_hint(prepared_client, context, method: str, **kwargs) -> None:
    """Cast where the message is only a hint: the row that it speaks of is committed already.

    A broker that is away delays the work until the conductors' reconcile comes by; it never fails
    the request.
    """
    LOG.debug("Casting %s", method)
    try:
        for _ in range(faults.copies(method)):
            prepared_client.prepare(retry=1).cast(context, method, **kwargs)
    except messaging.MessagingException as exc:
        LOG.warning("Could not send %s, it will be sent again later: %s", method, exc)
