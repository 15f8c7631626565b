"""Choose destinations for guests that move while they run; continue without a host."""

from __future__ import annotations

import pytest

from nova_mini import db
from nova_mini.db import models, query
from tests.unit.conductor import task_records
from tests.unit.conductor.task_records import fault_of, place, row, server_of
from tests.unit.db import records
from tests.unit.scheduler import cloud

SOURCE = "h1"
FACTS = {"cpu": "x"}


@pytest.fixture
def hosts(database) -> None:
    """The source, and two other hosts of which h3 has the most memory."""
    for number in (1, 2, 3):
        cloud.add_host(f"h{number}", memory_mb=4096 * number)
    query.update(models.services, {"version": 4}, models.services.c.host.in_(["h1", "h2", "h3"]))


def begin(method: str = "live_migrate_instance", args: dict | None = None, **migration) -> int:
    server = {"vm_state": "active", "task_state": "migrating", "host": SOURCE, "power_state": 1}
    action_id = task_records.add_request(
        method, server=server, action="live-migration", args=args or {}
    )
    uuid = row(action_id)["instance_uuid"]
    records.allocate(uuid, SOURCE)
    values = {"status": "accepted", "dest_compute": None, "dest_node": None, "dest_host": None}
    records.add_migration(
        uuid, migration_type="live-migration", source_compute=SOURCE, **{**values, **migration}
    )
    return action_id


def migration_of(action_id: int):
    uuid = row(action_id)["instance_uuid"]
    return query.one(models.migrations, models.migrations.c.instance_uuid == uuid)


def ended(action_id: int) -> tuple[str, str | None]:
    """The status of the migration, and the message of the fault."""
    assert row(action_id)["finish_time"] is not None
    assert server_of(action_id)["task_state"] is None
    fault = fault_of(action_id)
    return migration_of(action_id)["status"], fault and fault["message"]


def test_the_source_checks_a_guest_that_has_a_destination(tasks, bus, hosts, context):
    action_id = begin()
    tasks.live_migrate_instance(context, [action_id])
    assert place(action_id) == (SOURCE, "check_can_live_migrate_source")
    assert migration_of(action_id)["dest_compute"] == "h3"
    assert db.allocations.get(migration_of(action_id)["uuid"])["host"] == SOURCE
    assert task_records.allocated_to(action_id) == "h3"
    ((host, method, _),) = bus.casts
    assert (host, method) == (SOURCE, "check_can_live_migrate_source")


def test_a_guest_that_was_checked_goes_to_the_next_host(tasks, bus, hosts, context):
    action_id = begin(args={"source": FACTS, "tried": ["h3"], "reason": "its CPU"})
    tasks.live_migrate_instance(context, [action_id])
    assert place(action_id) == ("h2", "pre_live_migration")
    assert migration_of(action_id)["status"] == "preparing"


@pytest.mark.parametrize("is_forced", [True, False])
def test_the_requested_host(tasks, bus, hosts, context, is_forced):
    action_id = begin(args={"host": "h2", "is_forced": is_forced})
    tasks.live_migrate_instance(context, [action_id])
    assert migration_of(action_id)["dest_compute"] == "h2"


def test_the_requested_host_has_refused(tasks, bus, hosts, context):
    action_id = begin(args={"host": "h2", "source": FACTS, "tried": ["h2"], "reason": "its CPU"})
    tasks.live_migrate_instance(context, [action_id])
    assert ended(action_id) == ("error", "Migration pre-check error: its CPU")
    assert task_records.allocated_to(action_id) == SOURCE


def test_a_forced_host_without_room(tasks, bus, hosts, context):
    query.update(models.compute_nodes, {"memory_mb": 10}, models.compute_nodes.c.host == "h2")
    action_id = begin(args={"host": "h2", "is_forced": True})
    tasks.live_migrate_instance(context, [action_id])
    status, message = ended(action_id)
    assert status == "error" and "enough resources" in message
    assert task_records.allocated_to(action_id) == SOURCE


def test_a_host_of_an_older_release_gets_no_guest(tasks, bus, hosts, context):
    query.update(models.services, {"version": 3}, models.services.c.host == "h3")
    action_id = begin()
    tasks.live_migrate_instance(context, [action_id])
    assert migration_of(action_id)["dest_compute"] == "h2"


def test_a_source_that_is_down(tasks, bus, hosts, context):
    task_records.be_silent(SOURCE)
    action_id = begin()
    tasks.live_migrate_instance(context, [action_id])
    status, message = ended(action_id)
    assert status == "error" and "unavailable" in message
    assert SOURCE not in message
    assert task_records.allocated_to(action_id) == SOURCE


def test_the_destination_looks_for_a_guest_without_source(tasks, bus, hosts, context):
    action_id = begin("find_guest_without_source", status="running", dest_compute="h2")
    tasks.find_guest_without_source(context, [action_id])
    assert place(action_id) == ("h2", "find_live_migrated_guest")


@pytest.mark.parametrize(
    ("status", "requested", "expected"),
    [
        ("preparing", None, "error"),
        ("running", None, "failed"),
        ("running", "abort", "cancelled"),
        ("queued", "abort", "cancelled"),
    ],
)
def test_a_rollback_without_destination(tasks, bus, hosts, context, status, requested, expected):
    action_id = begin(
        "rollback_without_destination",
        {"reason": "the network failed"},
        status=status,
        requested=requested,
        dest_compute="h2",
    )
    tasks.rollback_without_destination(context, [action_id])
    found, message = ended(action_id)
    assert found == expected
    assert (message is None) is (expected == "cancelled")
