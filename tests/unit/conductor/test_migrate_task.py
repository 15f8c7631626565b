"""Choose destinations for servers that move, and who confirms moves without their source."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from nova_mini.db import models, query
from nova_mini.objects.service import MOVES_VERSION
from tests.unit.conductor import task_records
from tests.unit.conductor.task_records import fault_of, place, row, server_of
from tests.unit.db import records
from tests.unit.scheduler import cloud

SOURCE = "h1"
IMAGE = "11111111-0000-0000-0000-000000000001"


@pytest.fixture
def hosts(database) -> None:
    """The source, and two other hosts of which h3 has the most memory."""
    for number in (1, 2, 3):
        cloud.add_host(f"h{number}", memory_mb=4096 * number)
    query.update(
        models.services, {"version": MOVES_VERSION}, models.services.c.host.in_(["h1", "h2", "h3"])
    )


def begin(args: dict | None = None, kind: str = "resize", **columns) -> int:
    """A server on the source, with an allocation there, that shall move."""
    server = {"vm_state": "active", "task_state": "resize_prep", "host": SOURCE, "power_state": 1}
    server |= {"image_ref": IMAGE}
    action_id = task_records.add_request(
        "migrate_server", server=server, action=kind, args=args or {}, **columns
    )
    uuid = row(action_id)["instance_uuid"]
    records.allocate(uuid, SOURCE)
    records.add_migration(
        uuid,
        status="pre-migrating",
        migration_type=kind,
        source_compute=SOURCE,
        dest_compute=None,
        dest_node=None,
        dest_host=None,
    )
    return action_id


def migration_of(action_id: int):
    uuid = row(action_id)["instance_uuid"]
    return query.one(models.migrations, models.migrations.c.instance_uuid == uuid)


def lent(action_id: int) -> str | None:
    held = db.allocations.get(migration_of(action_id)["uuid"])
    return held and held["host"]


def test_a_server_is_handed_to_the_best_other_host(tasks, bus, hosts, context):
    action_id = begin()
    tasks.migrate_server(context, [action_id])
    assert place(action_id) == ("h3", "prep_resize")
    ((host, method, kwargs),) = bus.casts
    assert (host, method, kwargs["action_id"]) == ("h3", "prep_resize", action_id)
    assert server_of(action_id)["host"] == SOURCE
    assert migration_of(action_id)["dest_compute"] == "h3"


def test_both_hosts_are_charged(tasks, hosts, context):
    action_id = begin()
    tasks.migrate_server(context, [action_id])
    assert lent(action_id) == SOURCE
    held = db.allocations.get(row(action_id)["instance_uuid"])
    assert (held["host"], held["vcpus"], held["memory_mb"]) == ("h3", 2, 192)


def test_an_interrupted_attempt_is_repeated_without_a_second_allocation(tasks, hosts, context):
    action_id = begin()
    tasks.migrate_server(context, [action_id])
    values = {"host": None, "method": "migrate_server", "args": {}}  # as before the first one
    assert db.actions.take_away(action_id, None, values)
    tasks.migrate_server(context, [action_id])
    assert place(action_id) == ("h3", "prep_resize")
    assert lent(action_id) == SOURCE
    assert task_records.allocated_to(action_id) == "h3"


def test_a_destination_that_has_refused_is_not_chosen_again(tasks, hosts, context):
    action_id = begin({"tried": ["h3"], "reason": "no memory"})
    tasks.migrate_server(context, [action_id])
    assert place(action_id) == ("h2", "prep_resize")


def test_a_requested_host_is_chosen(tasks, hosts, context):
    action_id = begin({"host": "h2"}, kind="migration")
    tasks.migrate_server(context, [action_id])
    assert place(action_id) == ("h2", "prep_resize")


@pytest.mark.parametrize(("kind", "stays"), [("resize", True), ("migration", False)])
def test_only_a_resize_may_stay_on_its_host(tasks, hosts, context, override, kind, stays):
    override("allow_resize_to_same_host", True)
    action_id = begin({"host": SOURCE}, kind=kind)
    tasks.migrate_server(context, [action_id])
    if stays:
        assert place(action_id) == (SOURCE, "prep_resize")
        assert lent(action_id) == task_records.allocated_to(action_id) == SOURCE
    else:
        assert row(action_id)["message"] == "Error"


def test_hosts_of_an_older_release_get_no_server(tasks, hosts, context):
    query.update(models.services, {"version": MOVES_VERSION - 1}, models.services.c.host == "h3")
    action_id = begin()
    tasks.migrate_server(context, [action_id])
    assert place(action_id) == ("h2", "prep_resize")


def test_without_a_valid_host_the_server_stays_as_it_was(tasks, bus, hosts, context):
    action_id = begin({"tried": ["h2", "h3"]})
    tasks.migrate_server(context, [action_id])
    server = server_of(action_id)
    assert (server["vm_state"], server["task_state"], server["host"]) == ("active", None, SOURCE)
    assert row(action_id)["message"] == "Error"
    assert fault_of(action_id)["message"].startswith("No valid host")
    assert migration_of(action_id)["status"] == "error"
    assert task_records.allocated_to(action_id) == SOURCE and lent(action_id) is None
    assert bus.casts == []


def test_after_too_many_attempts_it_gives_up(tasks, hosts, context):
    action_id = begin({"tried": ["a", "b", "c"], "reason": "no memory"})
    tasks.migrate_server(context, [action_id])
    assert row(action_id)["message"] == "Error"
    assert migration_of(action_id)["status"] == "error"


def test_it_waits_for_earlier_actions(tasks, hosts, context):
    uuid = records.add_server(host=SOURCE)
    earlier = records.add_action(uuid, method="attach_volume")
    action_id = begin()
    query.update(
        models.instance_actions,
        {"instance_uuid": row(action_id)["instance_uuid"]},
        models.instance_actions.c.id == earlier,
    )
    tasks.migrate_server(context, [action_id])
    error = exception.ActionInterrupted.__name__
    assert task_records.is_requeued(action_id, "migrate_server", error)


def test_a_move_whose_source_is_down_is_confirmed_by_its_destination(tasks, bus, hosts, context):
    server = {"vm_state": "resized", "host": "h2", "power_state": 4}
    action_id = task_records.add_request(
        "confirm_migration", server=server, action="confirmResize", args={}
    )
    records.add_migration(row(action_id)["instance_uuid"], status="confirming")
    tasks.confirm_migration(context, [action_id])
    assert place(action_id) == ("h2", "confirm_at_destination")
    assert [cast[:2] for cast in bus.casts] == [("h2", "confirm_at_destination")]
    assert migration_of(action_id)["status"] == "confirming"


# -- storage -------------------------------------------------------------------------------------


def set_pool(host: str, pool: str | None) -> None:
    query.update(models.compute_nodes, {"disk_pool": pool}, models.compute_nodes.c.host == host)


@pytest.mark.parametrize(("source", "h3"), [(None, "a"), ("a", None), ("a", "b")])
def test_hosts_with_other_storage_are_not_chosen(tasks, hosts, context, source, h3):
    for host, pool in (("h1", source), ("h2", source), ("h3", h3)):
        set_pool(host, pool)
        if pool:
            db.disk_pools.report(pool, 1000)
    action_id = begin()
    tasks.migrate_server(context, [action_id])
    assert place(action_id) == ("h2", "prep_resize")


def test_a_requested_host_with_other_storage_is_refused_with_the_reason(tasks, hosts, context):
    set_pool("h2", "a")
    action_id = begin({"host": "h2"}, kind="migration")
    tasks.migrate_server(context, [action_id])
    assert "shares no storage" in fault_of(action_id)["message"]
    assert (row(action_id)["message"], migration_of(action_id)["status"]) == ("Error", "error")


def test_a_server_on_volumes_goes_to_every_storage(tasks, hosts, context):
    set_pool("h3", "a")
    db.disk_pools.report("a", 1000)
    action_id = begin()
    uuid = row(action_id)["instance_uuid"]
    query.update(models.instances, {"image_ref": None}, models.instances.c.uuid == uuid)
    tasks.migrate_server(context, [action_id])
    assert place(action_id) == ("h3", "prep_resize")
