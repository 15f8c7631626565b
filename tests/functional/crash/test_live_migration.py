"""Processes die while a guest moves: the records follow the guest, wherever it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.functional.harness import oracle
from tests.functional.harness.waiting import until

SOURCE, DESTINATION = "c1", "c2"
_SECONDS = 60
_ENDED = ("completed", "error", "failed", "cancelled")

AT_SOURCE = (
    "check_can_live_migrate_source",
    "before FakeDriver.live_migration",
    "FakeDriver.live_migration",
    "FakeDriver.post_live_migration",
    "_leave_source",
    "live_migration",
)
AT_DESTINATION = (
    "FakeDriver.check_can_live_migrate_destination",
    "FakeDriver.pre_live_migration",
    "pre_live_migration",
    "FakeDriver.post_live_migration_at_destination",
    "post_live_migration_at_destination",
)
BACK_AT_SOURCE = ("FakeDriver.rollback_live_migration", "rollback_live_migration")
BACK_AT_DESTINATION = ("FakeDriver.rollback_live_migration_at_destination", "keep_one_host")


def status(cloud, server_id: str) -> str:
    path = f"/os-migrations?instance_uuid={server_id}"
    return cloud.admin.get(path)["migrations"][0]["status"]


def both_up(cloud) -> bool:
    """A host that was down in the test before may not have reported yet."""
    services = cloud.admin.get("/os-services?binary=nova-compute")["services"]
    return {SOURCE, DESTINATION} <= {each["host"] for each in services if each["state"] == "up"}


@pytest.fixture
def begin(cloud, project):
    """``begin(**metadata)``: let a server with this metadata and a local disk move from SOURCE to
    DESTINATION. ``before()`` is called when the server runs."""

    def begin(before: Callable[[], object] = lambda: None, **metadata: str) -> str:
        given = {"local_disk": "yes", **metadata}
        items = {f"fake:{name}": value for name, value in given.items()}
        until("both hosts are up", lambda: both_up(cloud), _SECONDS, 0.1)
        server_id = project.boot(host=SOURCE, metadata=items)
        before()
        arguments = {"host": DESTINATION, "block_migration": "auto"}
        project.admin.act(server_id, "os-migrateLive", arguments)
        return server_id

    return begin


def has_status(cloud, project, server_id: str, expected: str, host: str) -> None:
    until("the migration ends", lambda: status(cloud, server_id) in _ENDED, _SECONDS)
    project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    assert status(cloud, server_id) == expected
    assert project.host_of(server_id) == host


def ends(cloud, project, server_id: str, expected: str, host: str) -> None:
    has_status(cloud, project, server_id, expected, host)
    oracle.assert_clean(cloud, _SECONDS)


def die_at(cloud, host: str, point: str) -> None:
    cloud.computes[host].inject_at(point)


def comes_back(cloud, host: str, point: str) -> None:
    daemon = cloud.computes[host]
    daemon.wait_injected(point)
    daemon.process.wait_dead(_SECONDS)
    daemon.start()


@pytest.mark.parametrize(
    ("host", "point"),
    [(SOURCE, each) for each in AT_SOURCE] + [(DESTINATION, each) for each in AT_DESTINATION],
)
def test_a_compute_dies_and_comes_back(cloud, project, begin, host, point):
    die_at(cloud, host, point)
    server_id = begin()
    comes_back(cloud, host, point)
    ends(cloud, project, server_id, "completed", DESTINATION)


@pytest.mark.parametrize(
    ("host", "point"),
    [(SOURCE, each) for each in BACK_AT_SOURCE]
    + [(DESTINATION, each) for each in BACK_AT_DESTINATION],
)
def test_a_compute_dies_on_the_way_back(cloud, project, begin, host, point):
    die_at(cloud, host, point)
    server_id = begin(fail_live_migration="yes")
    comes_back(cloud, host, point)
    ends(cloud, project, server_id, "failed", SOURCE)


SENT = "ComputeAPI.send"  # the phase is over, and the other host has the action


def test_a_source_that_is_down_has_kept_the_guest(cloud, project, begin):
    """The destination is asked whether it has the guest. Then only the source can have it."""
    die_at(cloud, SOURCE, SENT)
    server_id = begin()
    cloud.computes[SOURCE].wait_injected(SENT)

    def asked() -> bool:
        rows = cloud.query(
            "SELECT id FROM instance_actions WHERE instance_uuid = :id"
            " AND method = 'rollback_live_migration'",
            id=server_id,
        )
        return bool(rows)

    until("the destination was asked", asked, _SECONDS)
    cloud.computes[SOURCE].start()
    ends(cloud, project, server_id, "failed", SOURCE)


def test_a_destination_that_is_down_is_not_waited_for(cloud, project, begin):
    server_id = begin(before=cloud.computes[DESTINATION].pause)
    ends(cloud, project, server_id, "error", SOURCE)
    (fault,) = cloud.query(
        "SELECT message FROM instance_faults WHERE instance_uuid = :id", id=server_id
    )
    assert fault["message"] == "Migration pre-check error: the destination is down"


def test_a_failed_migration_ends_without_its_destination(cloud, project, begin):
    die_at(cloud, DESTINATION, SENT)
    server_id = begin(fail_live_migration="yes")
    cloud.computes[DESTINATION].wait_injected(SENT)
    has_status(cloud, project, server_id, "failed", SOURCE)
    assert server_id in cloud.local_disks(DESTINATION)  # no host could remove it
    cloud.computes[DESTINATION].start()
    oracle.assert_clean(cloud, _SECONDS)


def test_a_guest_moves_although_the_compute_of_its_destination_is_down(cloud, project, begin):
    die_at(cloud, DESTINATION, SENT)
    server_id = begin()
    cloud.computes[DESTINATION].wait_injected(SENT)
    until("it has left", lambda: status(cloud, server_id) == "post-migrating", _SECONDS)
    assert server_id in cloud.guests(DESTINATION)
    cloud.computes[DESTINATION].start()
    ends(cloud, project, server_id, "completed", DESTINATION)


@pytest.mark.parametrize(
    "point",
    ["before InstanceAction.hand_over", "InstanceAction.hand_over", "Migration.lend_allocation"],
)
def test_a_conductor_dies(cloud, project, begin, point):
    server_id = begin(before=lambda: cloud.conductor.inject_at(point))
    cloud.conductor.wait_injected(point)
    cloud.conductor.process.wait_dead(_SECONDS)
    cloud.conductor.start()
    ends(cloud, project, server_id, "completed", DESTINATION)


def test_the_broker_dies_while_a_guest_moves(cloud, project, begin):
    server_id = begin(live_migration_seconds="6")
    until("it moves", lambda: status(cloud, server_id) == "running", _SECONDS)
    cloud.engines.rabbitmq.process.kill()
    cloud.engines.rabbitmq.start()
    cloud.engines.rabbitmq.wait_ready()
    ends(cloud, project, server_id, "completed", DESTINATION)


def test_the_message_of_an_abort_is_lost(cloud, project, begin):
    """The source reads the request with its next report of the progress."""
    server_id = begin(live_migration_seconds="60")
    until("it moves", lambda: status(cloud, server_id) == "running", _SECONDS)
    cloud.damage(
        "UPDATE migrations SET requested = 'abort' WHERE instance_uuid = :id", id=server_id
    )
    ends(cloud, project, server_id, "cancelled", SOURCE)


def test_an_aborted_migration_is_not_resumed(cloud, project, begin):
    server_id = begin(live_migration_seconds="60")
    until("it moves", lambda: status(cloud, server_id) == "running", _SECONDS)
    cloud.computes[SOURCE].kill()
    cloud.damage(
        "UPDATE migrations SET requested = 'abort' WHERE instance_uuid = :id", id=server_id
    )
    cloud.computes[SOURCE].start()
    ends(cloud, project, server_id, "cancelled", SOURCE)
