"""A compute retries calls of the conductors until it gets a reply."""

from __future__ import annotations

import oslo_messaging as messaging
import pytest

from nova_mini import exception
from nova_mini.rpcapi import conductor as rpcapi

NO_RESPONSES = [
    messaging.MessagingTimeout("no reply"),
    messaging.MessageDeliveryFailure("no broker"),
    messaging.MessageUndeliverable(None, None, None, None),
    exception.DatabaseUnavailable(),
]


@pytest.fixture
def call(monkeypatch):
    """``call(*replies)``: call a method; the bus gives one of these replies to each attempt."""

    def call(*responses):
        waiting = iter(responses)

        class Client:
            def prepare(self, **options):
                return self

            def call(self, context, method, **kwargs):
                response = next(waiting)
                if isinstance(response, Exception):
                    raise response
                return response

        monkeypatch.setattr(rpcapi, "Heart", lambda: None)
        monkeypatch.setattr(rpcapi.rpc, "get_client", lambda target: Client())
        monkeypatch.setattr(rpcapi.time, "sleep", lambda seconds: None)
        return rpcapi.ConductorAPI().object_action(None, object(), "save", (), {})

    return call


def test_a_call_is_retried_until_there_is_a_reply(call):
    assert call(*NO_RESPONSES, "saved") == "saved"


def test_an_error_of_the_method_is_not_retried(call):
    with pytest.raises(exception.InstanceNotFound):
        call(exception.InstanceNotFound(instance_id="i"), "saved")


@pytest.mark.parametrize("failure", NO_RESPONSES, ids=lambda failure: type(failure).__name__)
def test_retries_end_after_the_timeout(call, failure, monkeypatch):
    monkeypatch.setattr(rpcapi, "_RETRY_TIMEOUT", -1)
    with pytest.raises(exception.ActionInterrupted):
        call(failure)
