from __future__ import annotations

import oslo_messaging as messaging
import pytest

from nova_mini import exception
from nova_mini.objects.selection import Selection
from nova_mini.scheduler import client
from nova_mini.trace import collecting

H1 = Selection(service_host="h1", nodename="h1", availability_zone=None)


class Replies:
    """Stands in for the RPC API: returns or raises one of ``replies`` for each call."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.calls = []

    def select_destinations(self, context, request_specs, alternates):
        self.calls.append((request_specs, alternates))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


@pytest.fixture
def select(monkeypatch):
    def select(replies: Replies):
        monkeypatch.setattr(client.rpcapi, "SchedulerAPI", lambda: replies)
        monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
        return client.SchedulerQueryClient().select_destinations(None, ["spec"], alternates=2)

    return select


def test_a_request_without_a_reply_is_retried(select):
    bus = Replies(
        messaging.MessagingTimeout(),
        messaging.MessageDeliveryFailure("no broker"),
        exception.DatabaseUnavailable(),
        [[H1]],
    )
    assert select(bus) == [[H1]]
    assert bus.calls == [(["spec"], 2)] * 4


def test_no_valid_host_is_not_retried(select):
    bus = Replies(exception.NoValidHost(reason="full"), [[H1]])
    with pytest.raises(exception.NoValidHost):
        select(bus)
    assert len(bus.calls) == 1


def test_retries_end_after_a_time(select, monkeypatch):
    monkeypatch.setattr(client, "_RETRY_TIME", -1)
    with pytest.raises(exception.ActionInterrupted):
        select(Replies(messaging.MessagingTimeout()))


def test_the_steps_of_the_scheduler_are_collected_with_its_host(select):
    step = ["claim_hosts", "2026-01-01T00:00:00", "2026-01-01T00:00:01", "control"]
    with collecting() as steps:
        select(Replies([[H1.with_steps([step])]]))
    assert step in steps


def test_an_older_scheduler_tells_no_steps(select):
    with collecting() as steps:
        select(Replies([[H1]]))
    assert [name for name, *_ in steps] == ["SchedulerQueryClient.select_destinations"]
