"""The private parts of oslo.messaging that rpc_internals uses."""

from __future__ import annotations

import threading
import types
from collections.abc import Iterator

import amqp
import oslo_messaging as messaging
import pytest
from oslo_config import cfg
from oslo_messaging._drivers import amqpdriver
from oslo_messaging._drivers import common as driver_common

from nova_mini import rpc_internals


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[])
    return conf


class _Stop(BaseException):
    pass


class _SilentConnection:
    """A connection to a broker on which no message arrives. It stops the reader at the end."""

    def __init__(self, polls: int):
        self.timeouts: list[float] = []
        self._polls = polls

    def consume(self, timeout: float) -> None:
        self.timeouts.append(timeout)
        if len(self.timeouts) == self._polls:
            raise _Stop
        raise driver_common.Timeout


@pytest.fixture
def poll_intervals(monkeypatch) -> list[float]:
    for name in ("ACK_REQUEUE_EVERY_SECONDS_MIN", "ACK_REQUEUE_EVERY_SECONDS_MAX"):
        monkeypatch.setattr(amqpdriver, name, getattr(amqpdriver, name))  # restored after the test
    rpc_internals.set_poll_intervals(0.5, 1.5)
    return [0.5, 1.0, 1.5, 1.5]


def test_a_server_polls_with_the_intervals_that_were_set(poll_intervals):
    connection = _SilentConnection(polls=4)
    driver = types.SimpleNamespace(prefetch_size=0)
    listener = amqpdriver.AMQPListener(driver, connection)
    with pytest.raises(_Stop):
        listener.poll()
    assert connection.timeouts == poll_intervals


def test_a_caller_polls_for_replies_with_the_intervals_that_were_set(poll_intervals):
    connection = _SilentConnection(polls=4)
    waiter = types.SimpleNamespace(conn=connection, _thread_exit_event=threading.Event())
    with pytest.raises(_Stop):
        amqpdriver.ReplyWaiter.poll(waiter)
    assert connection.timeouts == poll_intervals


def test_the_driver_has_the_options_whose_defaults_are_set(conf):
    rpc_internals.register_rabbit_options(conf)
    for name in ("rabbit_quorum_queue", "kombu_reconnect_delay", "rabbit_interval_max"):
        conf.set_default(name, conf.oslo_messaging_rabbit[name], group="oslo_messaging_rabbit")


@pytest.fixture
def server(conf) -> Iterator[messaging.MessageHandlingServer]:
    """A started server over the RabbitMQ driver, with a broker in the memory of this process."""
    transport = messaging.get_rpc_transport(conf, "kombu+memory:////")
    target = messaging.Target(topic="topic", server="host")
    server = messaging.get_rpc_server(transport, target, [], executor="threading")
    server.start()
    yield server
    server.stop()
    server.wait()
    transport.cleanup()


def test_the_socket_of_a_servers_connection_to_the_broker(server):
    connection = server.listener._poll_style_listener.conn
    connected = types.SimpleNamespace(connection=types.SimpleNamespace(sock="the socket"))
    channel, connection.channel = connection.channel, connected
    try:
        assert channel is not None
        assert rpc_internals.broker_socket(server) == "the socket"
        connected.connection = None
        assert rpc_internals.broker_socket(server) is None
        connection.channel = None
        assert rpc_internals.broker_socket(server) is None
    finally:
        connection.channel = channel


def test_a_channel_of_amqp_has_a_connection_with_a_socket():
    connection = amqp.Connection("127.0.0.1:1")
    connection.transport = types.SimpleNamespace(sock="the socket")
    assert amqp.Channel(connection).connection.sock == "the socket"


def test_a_channel_of_amqp_that_was_closed_has_no_connection():
    connection = amqp.Connection("127.0.0.1:1")
    connection.transport = types.SimpleNamespace(sock="the socket")
    channel = amqp.Channel(connection)
    channel.collect()
    assert channel.connection is None


def test_another_driver_has_no_socket(conf):
    transport = messaging.get_rpc_transport(conf, "fake://")
    target = messaging.Target(topic="topic", server="host")
    server = messaging.get_rpc_server(transport, target, [], executor="threading")
    server.start()
    try:
        assert rpc_internals.broker_socket(server) is None
    finally:
        server.stop()
        server.wait()


def test_notifications_over_the_connections_of_calls(conf):
    """The transport of the notifications is made of the RPC transport, and works."""
    received = threading.Event()

    class Endpoint:
        def info(self, context, publisher_id, event_type, payload, metadata):
            assert payload == {"key": "value"}
            received.set()

    transport = messaging.get_rpc_transport(conf, "fake://")
    notifications = rpc_internals.notification_transport(transport)
    listener = messaging.get_notification_listener(
        notifications, [messaging.Target(topic="topic")], [Endpoint()], executor="threading"
    )
    listener.start()
    try:
        notifier = messaging.Notifier(notifications, driver="messagingv2", topics=["topic"])
        notifier.info({}, "event", {"key": "value"})
        assert received.wait(10)
    finally:
        listener.stop()
        listener.wait()
