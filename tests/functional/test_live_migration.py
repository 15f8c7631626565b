"""Guests that move to another host while they run, as their administrators see it."""

from __future__ import annotations

import pytest

from tests.functional.harness import oracle
from tests.functional.harness.waiting import until

LONG, AUTO = "60", {"host": None, "block_migration": "auto"}


def migrations(cloud, server_id: str) -> list[dict]:
    return cloud.admin.get(f"/os-migrations?instance_uuid={server_id}")["migrations"]


def status(cloud, server_id: str) -> str:
    return migrations(cloud, server_id)[0]["status"]


def in_progress(cloud, server_id: str) -> dict | None:
    found = cloud.admin.get(f"/servers/{server_id}/migrations")["migrations"]
    return found[0] if found else None


def other_host(cloud, host: str) -> str:
    (other,) = set(cloud.computes) - {host}
    return other


@pytest.fixture
def move(cloud, project):
    """``move(status, **metadata)``: boot a server with this metadata and live-migrate it; returns
    the server and its source when the migration has this status."""

    def begin(expected: str, **metadata: str) -> tuple[str, str]:
        items = {f"fake:{name}": value for name, value in metadata.items()}
        server_id = project.boot(metadata=items)
        source = project.host_of(server_id)
        project.admin.act(server_id, "os-migrateLive", AUTO)
        until(f"it is {expected}", lambda: status(cloud, server_id) == expected, 30)
        return server_id, source

    return begin


def test_a_guest_moves(cloud, project, move):
    server_id, source = move("completed")
    destination = other_host(cloud, source)
    server = project.user.wait_for(server_id, "ACTIVE")
    assert project.host_of(server_id) == destination
    (migration,) = migrations(cloud, server_id)
    assert migration["migration_type"] == "live-migration"
    assert (migration["source_compute"], migration["dest_compute"]) == (source, destination)
    assert cloud.guests(source).get(server_id) is None
    assert "FAKE: migrated" in cloud.guest(destination, server_id)["console"]
    assert server.get("fault") is None
    oracle.assert_clean(cloud)


@pytest.mark.parametrize("block_migration", ["auto", True])
def test_a_guest_moves_with_its_local_disk(cloud, project, block_migration):
    server_id = project.boot(metadata={"fake:local_disk": "yes"})
    source = project.host_of(server_id)
    arguments = {"host": None, "block_migration": block_migration}
    project.admin.act(server_id, "os-migrateLive", arguments)
    until("it has moved", lambda: status(cloud, server_id) == "completed", 30)
    destination = other_host(cloud, source)
    assert project.host_of(server_id) == destination
    assert cloud.local_disks(destination)[server_id] == f"data of {server_id}"
    assert server_id not in cloud.local_disks(source)
    oracle.assert_clean(cloud)


def test_a_local_disk_is_not_moved_without_block_migration(cloud, project):
    server_id = project.boot(metadata={"fake:local_disk": "yes"})
    source = project.host_of(server_id)
    arguments = {"host": other_host(cloud, source), "block_migration": False}
    project.admin.act(server_id, "os-migrateLive", arguments)
    until("it is refused", lambda: status(cloud, server_id) == "error", 30)
    assert project.host_of(server_id) == source
    (fault,) = cloud.query(
        "SELECT message FROM instance_faults WHERE instance_uuid = :id", id=server_id
    )
    assert "without block migration" in fault["message"]
    old = {"host": None, "block_migration": False, "disk_over_commit": False}
    path = f"/servers/{server_id}/action"
    refused = cloud.client("admin:admin", "2.1").refusal(400, "POST", path, {"os-migrateLive": old})
    assert "No valid host" in refused
    oracle.assert_clean(cloud)


def test_an_aborted_copy_of_a_disk_is_removed(cloud, project, move):
    server_id, source = move("running", live_migration_seconds=LONG, local_disk="yes")
    assert server_id in cloud.local_disks(other_host(cloud, source))

    def disk_is_copied() -> bool:
        found = in_progress(cloud, server_id)
        return bool(found["disk_total_bytes"] and found["disk_processed_bytes"])

    until("the progress of the disk is stored", disk_is_copied, 30)
    found = in_progress(cloud, server_id)
    cloud.admin.delete(f"/servers/{server_id}/migrations/{found['id']}", expect=202)
    project.user.wait_for(server_id, "ACTIVE", 10)
    assert status(cloud, server_id) == "cancelled"
    oracle.assert_clean(cloud)
    assert server_id in cloud.local_disks(source)


def test_a_paused_guest_moves_and_stays_paused(cloud, project):
    server_id = project.boot()
    source = project.host_of(server_id)
    project.user.act(server_id, "pause")
    project.user.wait_for(server_id, "PAUSED")
    project.admin.act(server_id, "os-migrateLive", AUTO)
    until("it has moved", lambda: status(cloud, server_id) == "completed", 30)
    project.user.wait_for(server_id, "PAUSED")
    assert project.host_of(server_id) != source
    oracle.assert_clean(cloud)


@pytest.mark.parametrize(
    ("version", "arguments"),
    [
        ("2.1", {"block_migration": False, "disk_over_commit": False}),
        ("2.25", {"block_migration": "auto"}),
        ("2.30", {"block_migration": "auto", "force": True}),
        ("2.68", {"block_migration": False}),
    ],
)
def test_a_guest_moves_to_a_requested_host(cloud, project, version, arguments):
    server_id = project.boot()
    destination = other_host(cloud, project.host_of(server_id))
    admin = cloud.client("admin:admin", version)
    admin.act(server_id, "os-migrateLive", {"host": destination, **arguments})
    until("it has moved", lambda: status(cloud, server_id) == "completed", 30)
    assert project.host_of(server_id) == destination


def test_the_destination_refuses_the_guest(cloud, project, move):
    server_id, source = move("error", refuse_live_migration_to="*")
    server = project.user.wait_for(server_id, "ACTIVE")
    assert project.host_of(server_id) == source
    assert project.host_of(server_id) == source
    assert server["status"] == "ACTIVE"
    oracle.assert_clean(cloud)


def test_a_failed_migration_leaves_the_guest_where_it_was(cloud, project, move):
    server_id, source = move("failed", fail_live_migration="yes")
    project.user.wait_for(server_id, "ACTIVE")
    assert project.host_of(server_id) == source
    assert server_id in cloud.guests(source)
    oracle.assert_clean(cloud)


def test_a_user_aborts_a_migration(cloud, project, move):
    server_id, source = move("running", live_migration_seconds=LONG)
    assert project.user.show(server_id)["status"] == "MIGRATING"
    found = in_progress(cloud, server_id)
    path = f"/servers/{server_id}/migrations/{found['id']}"
    project.user.delete(path, expect=403)
    cloud.admin.delete(path, expect=202)
    project.user.wait_for(server_id, "ACTIVE", 10)
    assert status(cloud, server_id) == "cancelled"
    assert project.host_of(server_id) == source
    assert in_progress(cloud, server_id) is None
    cloud.admin.delete(path, expect=409)
    oracle.assert_clean(cloud)


def test_an_administrator_completes_a_migration(cloud, project, move):
    server_id, source = move("running", live_migration_seconds=LONG)
    found = in_progress(cloud, server_id)
    path = f"/servers/{server_id}/migrations/{found['id']}"
    cloud.admin.post(f"{path}/action", {"force_complete": None}, 202)
    project.user.wait_for(server_id, "ACTIVE", 10)
    assert status(cloud, server_id) == "completed"
    assert project.host_of(server_id) != source


def test_a_queued_migration_is_aborted_at_once(cloud, project, move):
    """One guest moves at a time from each host."""
    first, source = move("running", live_migration_seconds=LONG)
    destination = other_host(cloud, source)
    second = project.boot(host=source)
    project.admin.act(second, "os-migrateLive", AUTO)
    until("it waits", lambda: status(cloud, second) == "queued", 20)
    found = in_progress(cloud, second)
    path = f"/servers/{second}/migrations/{found['id']}"
    cloud.client("admin:admin", "2.64").delete(path, expect=400)
    cloud.admin.post(f"{path}/action", {"force_complete": None}, 400)
    cloud.admin.delete(path, expect=202)
    project.user.wait_for(second, "ACTIVE", 10)
    assert status(cloud, second) == "cancelled"
    assert (project.host_of(second), status(cloud, first)) == (source, "running")
    assert second not in cloud.guests(destination)
    cloud.admin.delete(f"/servers/{first}/migrations/{in_progress(cloud, first)['id']}", 202)
    project.user.wait_for(first, "ACTIVE", 10)


def test_a_server_is_deleted_while_it_moves(cloud, project, move):
    server_id, _ = move("running", live_migration_seconds=LONG)
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id, 15)
    oracle.assert_clean(cloud)


def test_refusals(cloud, project):
    server_id = project.boot()
    source = project.host_of(server_id)
    path = f"/servers/{server_id}/action"
    project.user.act(server_id, "os-migrateLive", AUTO, expect=403)
    for arguments in (
        {"host": source, "block_migration": "auto"},
        {"host": "nowhere", "block_migration": "auto"},
        {"host": None, "block_migration": "sometimes"},
        {"block_migration": "auto"},
        {"host": None, "block_migration": "auto", "force": False},
    ):
        cloud.admin.refusal(400, "POST", path, {"os-migrateLive": arguments})
    old = cloud.client("admin:admin", "2.30")
    forced = {"host": None, "block_migration": "auto", "force": True}
    old.refusal(400, "POST", path, {"os-migrateLive": forced})
    project.user.act(server_id, "os-stop")
    project.user.wait_for(server_id, "SHUTOFF")
    cloud.admin.refusal(409, "POST", path, {"os-migrateLive": AUTO})
