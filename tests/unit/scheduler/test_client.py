from __future__ import annotations

import oslo_messaging as messaging
import pytest

from nova_mini import exception
from nova_mini.scheduler import client


class Answers:
    """Plays the bus: answers, or fails, as it is told, one for each call."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = []

    def select_destinations(self, context, request_specs, alternates):
        self.calls.append((request_specs, alternates))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def ask(monkeypatch):
    def ask(answers: Answers):
        monkeypatch.setattr(client.rpcapi, "SchedulerAPI", lambda: answers)
        monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
        return client.SchedulerQueryClient().select_destinations(None, ["spec"], alternates=2)

    return ask


def test_a_question_without_an_answer_is_asked_again(ask):
    bus = Answers(
        messaging.MessagingTimeout(),
        messaging.MessageDeliveryFailure("no broker"),
        exception.DatabaseUnavailable(),
        [["h1"]],
    )
    assert ask(bus) == [["h1"]]
    assert bus.calls == [(["spec"], 2)] * 4


def test_no_valid_host_is_an_answer(ask):
    bus = Answers(exception.NoValidHost(reason="full"), [["h1"]])
    with pytest.raises(exception.NoValidHost):
        ask(bus)
    assert len(bus.calls) == 1


def test_patience_ends(ask, monkeypatch):
    monkeypatch.setattr(client, "_PATIENCE", -1)
    with pytest.raises(exception.ActionInterrupted):
        ask(Answers(messaging.MessagingTimeout()))
