"""The work of an action is done once, whether its message is lost, late or sent again."""

from __future__ import annotations

import time

import oslo_messaging as messaging
import pytest

from nova_mini import rpc
from nova_mini.context import RequestContext, get_admin_context
from tests.functional.crash.conftest import HOST
from tests.functional.harness import bus, oracle
from tests.functional.harness.waiting import until

_SECONDS = 40


class Recorder:
    target = messaging.Target(version="1.0")

    def __init__(self):
        self.received: list[str] = []

    def receive(self, context, word: str) -> None:
        self.received.append(word)


@pytest.fixture
def on_the_bus(cloud):
    with bus.connected(cloud.config_file):
        yield


def _unfinished(cloud, server_id: str) -> dict | None:
    """The action that waits for a host."""
    rows = cloud.query(
        "SELECT * FROM instance_actions WHERE instance_uuid = :uuid AND finish_time IS NULL"
        " AND host IS NOT NULL",
        uuid=server_id,
    )
    return rows[0] if rows else None


def _turns(project, server_id: str) -> int:
    """How many times the host began the build."""
    events = project.events(server_id, "create")
    return [event["event"] for event in events].count("compute_build_and_run_instance")


def test_a_message_that_is_sent_many_times_is_executed_once(cloud, project, on_the_bus):
    host = cloud.computes[HOST]
    host.pause()
    server_id = project.admin.post(
        "/servers", project.server(availability_zone=f"nova:{HOST}"), 202
    )["server"]["id"]
    action = until("it waits for the host", lambda: _unfinished(cloud, server_id), _SECONDS)
    message = {"instance_uuid": server_id, "action_id": action["id"]}
    context = RequestContext(user_id="user", project_id=project.id, overwrite=False)

    def send() -> None:
        bus.cast(context, "compute", HOST, "build_and_run_instance", **message)

    for _ in range(5):
        send()
    host.go_on()
    project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    project.user.act(server_id, "os-stop")
    project.user.wait_for(server_id, "SHUTOFF")
    send()  # long after it was done
    project.user.act(server_id, "os-start")
    project.user.wait_for(server_id, "ACTIVE")
    assert _turns(project, server_id) == 1


def test_a_message_to_the_wrong_host_does_nothing(cloud, project, on_the_bus):
    cloud.computes[HOST].pause()
    server_id = project.admin.post(
        "/servers", project.server(availability_zone=f"nova:{HOST}"), 202
    )["server"]["id"]
    action = until("it waits for the host", lambda: _unfinished(cloud, server_id), _SECONDS)
    message = {"instance_uuid": server_id, "action_id": action["id"]}
    context = RequestContext(user_id="user", project_id=project.id, overwrite=False)
    bus.cast(context, "compute", "c2", "build_and_run_instance", **message)
    cloud.computes[HOST].go_on()
    project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    assert project.host_of(server_id) == HOST


def test_messages_that_are_lost_with_the_broker(cloud, project):
    """The API accepts requests without a broker; they are fulfilled when the broker is back."""
    to_delete, to_stop = project.boot(), project.boot()
    cloud.engines.rabbitmq.process.kill()
    try:
        created = project.create()
        project.user.delete(f"/servers/{to_delete}")
        project.user.act(to_stop, "os-stop")
    finally:
        cloud.engines.rabbitmq.start()
        cloud.engines.rabbitmq.wait_ready()
    project.user.wait_gone(to_delete, _SECONDS)
    project.user.wait_for(to_stop, "SHUTOFF", _SECONDS)
    project.user.wait_for(created, "ACTIVE", _SECONDS)
    oracle.assert_clean(cloud)


def test_a_service_that_stops_loses_no_message(on_the_bus):
    """Messages that the broker sends while the service stops are delivered to its successor."""
    old, new = Recorder(), Recorder()
    target = messaging.Target(topic="stopping", server=HOST)
    first = rpc.get_server(target, [old])
    first.start()
    bus.cast(get_admin_context(), "stopping", HOST, "receive", word="before")
    until("the message is received", lambda: old.received == ["before"], _SECONDS)
    rpc.stop_listening(first)
    bus.cast(get_admin_context(), "stopping", HOST, "receive", word="after")
    time.sleep(1)  # for a broker that still sends to the first
    first.wait()
    second = rpc.get_server(target, [new])
    second.start()
    try:
        until("the successor receives the message", lambda: new.received == ["after"], _SECONDS)
    finally:
        second.stop()
        second.wait()
    assert old.received == ["before"]
