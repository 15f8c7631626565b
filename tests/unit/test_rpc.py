"""What travels, and what is told of a broker that is away: one word, whichever library notices."""

from __future__ import annotations

import json

import amqp.exceptions
import kombu.exceptions
import oslo_messaging as messaging
import pytest

from nova_mini import rpc
from nova_mini.context import RequestContext, get_admin_context

AWAY = [
    kombu.exceptions.OperationalError("timed out"),
    amqp.exceptions.RecoverableConnectionError("connection already closed"),
    ConnectionResetError(104, "Connection reset by peer"),
]


@pytest.fixture
def client():
    """Raises what it is sent."""

    class Below:
        def prepare(self, **options):
            return self

        def call(self, context, method, exc):
            raise exc

        cast = call

    return rpc.Client(Below()).prepare(timeout=1)


@pytest.mark.parametrize("failure", AWAY, ids=lambda failure: type(failure).__name__)
def test_a_broker_that_is_away(client, failure):
    with pytest.raises(messaging.MessageDeliveryFailure):
        client.call(None, "method", exc=failure)
    with pytest.raises(messaging.MessageDeliveryFailure):
        client.cast(None, "method", exc=failure)
    rpc.cast_hint(client, None, "method", exc=failure)  # it is sent again later


def test_a_context_is_the_same_on_the_other_side():
    user = RequestContext(
        user_id="user", project_id="project", roles=["member"], auth_token="token",
        service_catalog=[{"type": "image"}], remote_address="127.0.0.1", overwrite=False,
    )  # fmt: skip
    serializer = rpc.RequestContextSerializer()
    for context in (user, get_admin_context()):
        sent = serializer.serialize_context(context)
        arrived = serializer.deserialize_context(json.loads(json.dumps(sent)))
        assert arrived.to_dict() == context.to_dict()


def test_what_the_other_side_raised_is_not_changed(client):
    with pytest.raises(ValueError, match="theirs"):
        client.call(None, "method", exc=ValueError("theirs"))
