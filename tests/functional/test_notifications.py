"""Notifications on a real message bus."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.chaos.wire import Wire
from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import notifications
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.network import ADDRESS, free_port
from tests.functional.harness.project import Project
from tests.functional.harness.waiting import until

SECONDS = 30
STATES = ("old_state", "state", "old_task_state", "new_task_state")


@pytest.fixture(scope="module")
def cloud(engines, images, workspace) -> Iterator[Cloud]:
    directory = workspace / "notifications"
    with clouds.running(engines, directory, images, options=notifications.OPTIONS) as running:
        yield running


@pytest.fixture(scope="module")
def project(cloud, images) -> Iterator[Project]:
    one = Project(cloud, "notifications", make_catalog(cloud, images))
    yield one
    one.end()


@pytest.fixture(scope="module")
def received(cloud) -> Iterator[notifications.Received]:
    with notifications.received(cloud.config_file) as found:
        yield found


def transitions(received, server_id: str) -> list[tuple]:
    """The states of each update that is a transition."""
    found = [
        tuple(each[name] for name in STATES)
        for each in received.of("compute.instance.update", server_id)
    ]
    return [each for each in found if each[0] != each[1] or each[2] != each[3]]


def test_each_change_of_a_state_is_reported_once(received, project):
    server_id = project.boot()
    project.user.act(server_id, "os-stop")
    project.user.wait_for(server_id, "SHUTOFF")
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id)
    until("the end arrives", lambda: "deleted" in str(transitions(received, server_id)), SECONDS)
    found = transitions(received, server_id)
    for old, new in zip(found, found[1:], strict=False):
        assert (new[0], new[2]) == (old[1], old[3]), found  # each begins where the last one ended
    assert found[0][:3] == ("building", "building", "scheduling")
    assert ("building", "active", "spawning", None) in found
    assert found[-4:] == [
        ("active", "active", None, "powering-off"),
        ("active", "stopped", "powering-off", None),
        ("stopped", "stopped", None, "deleting"),
        ("stopped", "deleted", "deleting", None),
    ]
    assert {"instance.create.start", "instance.create.end", "instance.update"} <= received.types()


def test_name_and_tags_are_reported(received, project):
    server_id = project.boot()
    old = project.user.show(server_id)["name"]
    project.user.put(f"/servers/{server_id}", {"server": {"name": "new"}})
    project.user.put(f"/servers/{server_id}/tags", {"tags": ["a"]})

    def named() -> list[dict]:
        updates = received.of("compute.instance.update", server_id)
        return [each for each in updates if each["display_name"] == "new"]

    until("both arrive", lambda: len(named()) == 2, SECONDS)
    assert [each.get("old_display_name") for each in named()] == [old, None]


@pytest.fixture
def wire(engines) -> Iterator[Wire]:
    """The way to the broker of the notifications. It is cut: connections are accepted, and nothing
    answers."""
    wire = Wire(engines.rabbitmq.port)
    wire.cut()
    yield wire
    wire.close()


def with_broker(url: str) -> dict:
    """The options of a cloud with another broker for notifications."""
    sections = notifications.OPTIONS
    messages = {**sections["oslo_messaging_notifications"], "transport_url": url}
    return {**sections, "oslo_messaging_notifications": messages}


def test_no_operation_waits_for_the_broker_of_the_notifications(engines, images, workspace, wire):
    url = re.sub(r":\d+/", f":{wire.port}/", engines.rabbitmq.next_url())
    options = with_broker(url)
    with clouds.running(engines, workspace / "cut", images, options=options) as cloud:
        project = Project(cloud, "cut", make_catalog(cloud, images, "cut"))
        began = time.monotonic()
        server_id = project.boot()
        project.user.delete(f"/servers/{server_id}")
        project.user.wait_gone(server_id)
        seconds = time.monotonic() - began
        wire.repair()
        with notifications.received(cloud.config_file) as late:
            until("the last one arrives", lambda: "instance.delete.end" in late.types(), 60)
        of_compute = [event for event, *_ in late.messages if event in IN_THEIR_ORDER]
        assert of_compute == IN_THEIR_ORDER
        assert seconds < 10, "as many notifications would take minutes"
        project.end()


IN_THEIR_ORDER = [
    f"instance.{event}.{phase}"
    for event, phase in [
        ("create", "start"),
        ("create", "end"),
        ("delete", "start"),
        ("shutdown", "start"),
        ("shutdown", "end"),
        ("delete", "end"),
    ]
]


def test_without_a_broker_for_notifications_servers_are_built(engines, images, workspace):
    options = with_broker(f"rabbit://a:b@{ADDRESS}:{free_port()}/")
    with clouds.running(engines, workspace / "dead", images, options=options) as cloud:
        project = Project(cloud, "dead", make_catalog(cloud, images, "dead"))
        project.boot()
        log = cloud.conductor.process.log.read_text()
        assert "Notifications: no broker answers, they wait" in log
        project.end()
        began = time.monotonic()
        assert cloud.conductor.stop() == 0
        assert time.monotonic() - began < 10
        assert "since the start: the process ends" in cloud.conductor.process.log.read_text()
