"""A compute goes on asking the conductors while nobody answers."""

from __future__ import annotations

import oslo_messaging as messaging
import pytest

from nova_mini import exception
from nova_mini.conductor import rpcapi

NOBODY = [
    messaging.MessagingTimeout("no reply"),
    messaging.MessageDeliveryFailure("no broker"),
    messaging.MessageUndeliverable(None, None, None, None),
    exception.DatabaseUnavailable(),
]


@pytest.fixture
def ask(monkeypatch):
    """Ask for an object while the bus plays these answers, one for each call."""

    def ask(*answers):
        waiting = iter(answers)

        class Client:
            def prepare(self, **options):
                return self

            def call(self, context, method, **kwargs):
                answer = next(waiting)
                if isinstance(answer, Exception):
                    raise answer
                return answer

        monkeypatch.setattr(rpcapi, "Heart", lambda: None)
        monkeypatch.setattr(rpcapi.rpc, "get_client", lambda target: Client())
        monkeypatch.setattr(rpcapi.time, "sleep", lambda seconds: None)
        return rpcapi.ConductorAPI().object_action(None, object(), "save", (), {})

    return ask


def test_until_somebody_answers(ask):
    assert ask(*NOBODY, "saved") == "saved"


def test_an_error_is_an_answer(ask):
    with pytest.raises(exception.InstanceNotFound):
        ask(exception.InstanceNotFound(instance_id="i"), "saved")


@pytest.mark.parametrize("failure", NOBODY, ids=lambda failure: type(failure).__name__)
def test_patience_ends(ask, failure, monkeypatch):
    monkeypatch.setattr(rpcapi, "_PATIENCE", -1)
    with pytest.raises(exception.ActionInterrupted):
        ask(failure)
