"""A host does not answer, another process takes over its work, and then the host returns."""

from __future__ import annotations

import json

import pytest

from tests.functional.crash.conftest import HOST
from tests.functional.harness import oracle
from tests.functional.harness.daemon import Daemon
from tests.functional.harness.waiting import until

_OTHER = "c2"
_SECONDS = 45


@pytest.fixture
def only(cloud):
    """``only(host)``: build new servers only on this host, until the end of the test."""
    services = {
        service["host"]: service["id"]
        for service in cloud.admin.get("/os-services?binary=nova-compute")["services"]
    }

    def choose(host: str | None) -> None:
        for name, service_id in services.items():
            status = "enabled" if host in (name, None) else "disabled"
            cloud.admin.put(f"/os-services/{service_id}", {"status": status})

    yield choose
    choose(None)


def _down(cloud, host: str) -> bool:
    found = cloud.admin.get(f"/os-services?binary=nova-compute&host={host}")["services"]
    return found[0]["state"] == "down"


def test_a_build_that_was_not_begun_goes_to_another_host(cloud, project, only):
    until("the host is up", lambda: not _down(cloud, HOST), _SECONDS)
    cloud.computes[HOST].pause()
    only(HOST)
    server_id = project.create()
    until("it is given to the silent host", lambda: _given_to(cloud, server_id, HOST), _SECONDS)
    only(_OTHER)
    project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    assert project.host_of(server_id) == _OTHER
    cloud.computes[HOST].go_on()
    until("it is up again", lambda: not _down(cloud, HOST), _SECONDS)
    oracle.assert_clean(cloud)
    assert project.host_of(server_id) == _OTHER


def _given_to(cloud, server_id: str, host: str) -> bool:
    return bool(
        cloud.query(
            "SELECT id FROM instance_actions WHERE instance_uuid = :uuid AND host = :host",
            uuid=server_id,
            host=host,
        )
    )


def test_an_unshelve_that_its_host_has_not_begun_is_scheduled_again(cloud, project, only):
    server_id = project.boot()
    project.user.act(server_id, "shelve")
    project.user.wait_for(server_id, "SHELVED_OFFLOADED")
    until("the host is up", lambda: not _down(cloud, HOST), _SECONDS)
    cloud.computes[HOST].pause()
    only(HOST)
    project.user.act(server_id, "unshelve")
    until("it is given to the silent host", lambda: _given_to(cloud, server_id, HOST), _SECONDS)
    only(_OTHER)
    project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    assert project.host_of(server_id) == _OTHER
    cloud.computes[HOST].go_on()
    until("it is up again", lambda: not _down(cloud, HOST), _SECONDS)
    oracle.assert_clean(cloud)


def test_an_unshelve_that_fails_goes_on_to_another_host(cloud, project, only):
    host = cloud.computes[HOST]
    server_id = project.boot(metadata={"fake:fail_spawn_on": "none"})
    project.user.act(server_id, "shelve")
    project.user.wait_for(server_id, "SHELVED_OFFLOADED")
    cloud.damage(
        "UPDATE instances SET metadata = :metadata WHERE uuid = :uuid",
        metadata=json.dumps({"fake:fail_spawn_on": HOST}),
        uuid=server_id,
    )
    only(HOST)
    host.inject_at("before FakeDriver.spawn", "SIGSTOP")
    project.user.act(server_id, "unshelve")
    host.wait_injected("before FakeDriver.spawn")
    only(None)
    host.go_on()
    project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    assert project.host_of(server_id) == _OTHER
    oracle.assert_clean(cloud)


@pytest.mark.parametrize(
    ("action", "moment"), [("shelve", "FakeDriver.snapshot"), ("unshelve", "FakeDriver.spawn")]
)
def test_a_server_is_deleted_whose_host_died_during_its_shelving(
    cloud, project, only, action, moment
):
    host = cloud.computes[HOST]
    only(HOST)
    server_id = project.boot()
    if action == "unshelve":
        project.user.act(server_id, "shelve")
        project.user.wait_for(server_id, "SHELVED_OFFLOADED")
    host.inject_at(moment)
    project.user.act(server_id, action)
    host.wait_injected(moment)
    host.process.wait_dead(_SECONDS)
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id, _SECONDS)
    host.start()
    oracle.assert_clean(cloud, _SECONDS)
    assert server_id not in cloud.guests(HOST)


@pytest.mark.parametrize("moment", ["before FakeDriver.spawn", "FakeDriver.spawn"])
def test_a_server_is_deleted_while_its_host_is_silent(cloud, project, only, moment):
    """The host hangs during the build, and continues it after the server was deleted."""
    host = cloud.computes[HOST]
    only(HOST)
    host.inject_at(moment, "SIGSTOP")
    server_id = project.create()
    host.wait_injected(moment)
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id, _SECONDS)
    host.go_on()
    oracle.assert_clean(cloud, _SECONDS)


def test_a_server_is_deleted_while_its_host_is_dead(cloud, project, only):
    only(HOST)
    server_id = project.boot()
    cloud.computes[HOST].kill()
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id, _SECONDS)
    assert server_id in cloud.guests(HOST)
    cloud.computes[HOST].start()
    oracle.assert_clean(cloud, _SECONDS)
    assert server_id not in cloud.guests(HOST)


@pytest.mark.parametrize(
    "moment", [None, "before confirm_at_destination", "confirm_at_destination"]
)
def test_a_move_is_confirmed_while_its_source_is_dead(cloud, project, only, moment):
    """Also if the destination dies while it confirms."""
    only(HOST)
    server_id = project.boot()
    only(None)
    project.admin.act(server_id, "migrate", {"host": _OTHER})
    project.user.wait_for(server_id, "VERIFY_RESIZE", _SECONDS)
    cloud.computes[HOST].kill()
    destination = cloud.computes[_OTHER]
    if moment:
        destination.inject_at(moment)
    project.user.act(server_id, "confirmResize", expect=204)
    if moment:
        destination.wait_injected(moment)
        destination.process.wait_dead(_SECONDS)
        destination.start()
    project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    assert server_id in cloud.guests(HOST), "nothing has reached the source"
    cloud.computes[HOST].start()
    oracle.assert_clean(cloud, _SECONDS)
    assert server_id not in cloud.guests(HOST)
    assert project.host_of(server_id) == _OTHER


def _image_whose_host_dies(cloud, project, only, images) -> tuple[str, str]:
    """(server, image): an unfinished image that no process works on any more."""
    host = cloud.computes[HOST]
    only(HOST)
    server_id = project.boot()
    host.inject_at("before FakeDriver.snapshot")
    image_id = project.user.act(server_id, "createImage", {"name": "copy"})["image_id"]
    host.wait_injected("before FakeDriver.snapshot")
    host.process.wait_dead(_SECONDS)
    assert images.get(image_id)["status"] == "queued"
    return server_id, image_id


def test_an_image_is_deleted_with_its_server_while_the_host_is_dead(cloud, project, only, images):
    server_id, image_id = _image_whose_host_dies(cloud, project, only, images)
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id, _SECONDS)
    assert image_id not in images.ids()


def test_an_image_of_a_reset_action_is_deleted(cloud, project, only, images):
    server_id, image_id = _image_whose_host_dies(cloud, project, only, images)
    project.admin.act(server_id, "os-resetState", {"state": "active"})
    until("the image is gone", lambda: image_id not in images.ids(), _SECONDS)
    recorded = [event["details"] for event in project.events(server_id, "createImage")]
    assert f"The unfinished image {image_id} of the server was deleted." in recorded


@pytest.mark.parametrize(
    "moment", ["before FakeDriver.spawn", "FakeDriver.spawn", "InstanceBuild._finish"]
)
def test_a_successor_finishes_the_operation_of_a_frozen_process(cloud, project, only, moment):
    """The successor finishes the operation before the frozen process continues, which then changes
    nothing: the guest that it was about to start stays as the successor has left it."""
    frozen: Daemon = cloud.computes[HOST]
    only(HOST)
    frozen.inject_at(moment, "SIGSTOP")
    server_id = project.create()
    frozen.wait_injected(moment)
    successor = cloud.another_compute(HOST)
    successor.start()
    try:
        project.user.wait_for(server_id, "ACTIVE", _SECONDS)
        project.user.act(server_id, "os-stop")
        project.user.wait_for(server_id, "SHUTOFF", _SECONDS)
        frozen.go_on()
        frozen.process.wait_dead(_SECONDS)
        oracle.assert_clean(cloud)
        assert project.user.show(server_id)["status"] == "SHUTOFF"
    finally:
        successor.kill()


def test_a_deleted_server_stays_deleted_when_a_frozen_process_continues(cloud, project, only):
    frozen: Daemon = cloud.computes[HOST]
    only(HOST)
    frozen.inject_at("before FakeDriver.spawn", "SIGSTOP")
    server_id = project.create()
    frozen.wait_injected("before FakeDriver.spawn")
    successor = cloud.another_compute(HOST)
    successor.start()
    try:
        project.user.delete(f"/servers/{server_id}")
        project.user.wait_gone(server_id, _SECONDS)
        frozen.go_on()
        frozen.process.wait_dead(_SECONDS)
        assert server_id not in cloud.guests(HOST)
        oracle.assert_clean(cloud)
    finally:
        successor.kill()
