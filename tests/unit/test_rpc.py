"""RPC: the serialization of contexts and errors, and the errors of a broker that is unavailable."""

from __future__ import annotations

import json
import sys

import amqp.exceptions
import kombu.exceptions
import oslo_messaging as messaging
import pytest
from oslo_messaging._drivers import common as messaging_common

from nova_mini import exception, rpc
from nova_mini.context import RequestContext, get_admin_context

BROKER_ERRORS = [
    kombu.exceptions.OperationalError("timed out"),
    amqp.exceptions.RecoverableConnectionError("connection already closed"),
    ConnectionResetError(104, "Connection reset by peer"),
]


@pytest.fixture
def client():
    """A client whose calls and casts raise their argument ``exc``."""

    class RaisingClient:
        def prepare(self, **options):
            return self

        def call(self, context, method, exc):
            raise exc

        cast = call

    return rpc.Client(RaisingClient()).prepare(timeout=1)


@pytest.mark.parametrize("failure", BROKER_ERRORS, ids=lambda failure: type(failure).__name__)
def test_every_error_of_the_broker_becomes_message_delivery_failure(client, failure):
    with pytest.raises(messaging.MessageDeliveryFailure):
        client.call(None, "method", exc=failure)
    with pytest.raises(messaging.MessageDeliveryFailure):
        client.cast(None, "method", exc=failure)
    rpc.cast_hint(client, None, "method", exc=failure)  # raises nothing


def test_a_context_is_unchanged_by_the_serializer():
    user = RequestContext(
        user_id="user",
        project_id="project",
        roles=["member"],
        auth_token="token",
        service_catalog=[{"type": "image"}],
        remote_address="127.0.0.1",
        overwrite=False,
    )
    serializer = rpc.RequestContextSerializer()
    for context in (user, get_admin_context()):
        sent = serializer.serialize_context(context)
        arrived = serializer.deserialize_context(json.loads(json.dumps(sent)))
        assert arrived.to_dict() == context.to_dict()


def test_other_errors_of_the_remote_side_are_unchanged(client):
    with pytest.raises(ValueError, match="remote"):
        client.call(None, "method", exc=ValueError("remote"))


def test_an_exception_of_the_remote_side_has_no_traceback_in_its_text(client):
    """oslo.messaging appends the traceback to the text, and so to every log line with the error."""
    try:
        raise exception.NoValidHost(reason="All are full.", internal="2 hosts, 0 after room")
    except exception.NoValidHost:
        sent = messaging_common.serialize_remote_exception(sys.exc_info())
    received = messaging_common.deserialize_remote_exception(sent, [exception.__name__])
    assert "Traceback" in str(received)
    with pytest.raises(exception.NoValidHost) as raised:
        client.call(None, "method", exc=received)
    assert str(raised.value) == "No valid host was found. All are full."
    assert type(raised.value) is exception.NoValidHost
    assert raised.value.internal == "2 hosts, 0 after room"


def test_an_exception_with_required_arguments_can_be_serialized():
    try:
        raise exception.NeutronRequestRefused(status=409, error_type="IpInUse", reason="in use")
    except exception.NeutronRequestRefused:
        sent = messaging_common.serialize_remote_exception(sys.exc_info())
    received = messaging_common.deserialize_remote_exception(sent, [exception.__name__])
    assert isinstance(received, exception.NeutronRequestRefused)
    assert (received.code, received.error_type) == (409, "IpInUse")


def _all_exceptions(cls=exception.NovaException):
    return {cls}.union(*(_all_exceptions(each) for each in cls.__subclasses__()))


@pytest.mark.parametrize(
    "cls",
    sorted(
        (each for each in _all_exceptions() if each.__module__.startswith(exception.__name__)),
        key=lambda cls: cls.__name__,
    ),
    ids=lambda cls: cls.__name__,
)
def test_each_exception_crosses_rpc_with_a_name_that_every_release_knows(cls):
    """The module that defines it is not part of its name, so it may move to another one."""
    raised = cls("text", status=409, error_type="", reason="")
    sent = messaging_common.serialize_remote_exception((cls, raised, None))
    assert json.loads(sent)["module"] == "nova_mini.exception"
    received = messaging_common.deserialize_remote_exception(sent, ["nova_mini.exception"])
    assert isinstance(received, cls)
    assert received.args == ("text",)
