"""The sweeps find inconsistent records, and repair only those that are still inconsistent."""

from __future__ import annotations

import pytest

from nova_mini.db import (
    actions,
    allocations,
    instance_groups,
    instance_tags,
    models,
    query,
    request_specs,
    sweeps,
)
from tests.unit.db import records
from tests.unit.db.records import LONG_AGO, NOW, REQUESTED
from tests.unit.scheduler import cloud

pytestmark = pytest.mark.usefixtures("database")


def _node(host="h1"):
    return query.one(models.compute_nodes, models.compute_nodes.c.host == host)


def _used(host="h1"):
    return [_node(host)[name] for name in sweeps._LEDGER]


def _usage(project="p"):
    row = query.one(models.project_usages, models.project_usages.c.project_id == project)
    return {name: row[name] for name in sweeps._USAGE}


def _add_usage(**amounts):
    with query.writer() as connection:
        row = {"project_id": "p", "instances": 0, "cores": 0, "ram": 0}
        connection.execute(models.project_usages.insert(), row | amounts)


def test_no_sweep_finds_anything_in_a_healthy_cloud():
    records.add_node()
    uuid = records.add_server()
    records.allocate(uuid)
    request_specs.create_many({uuid: REQUESTED})
    instance_tags.set_tags(uuid, ["mine"])
    records.add_server(host=None, project_id="q")
    _add_usage(instances=1, cores=1, ram=96)
    busy = records.add_server(task_state="powering-off", project_id="q")
    records.add_action(busy)
    assert [sweep.find(NOW) for sweep in sweeps.ALL] == [[]] * 7


def test_allocations_of_deleted_and_unknown_servers_are_deleted():
    records.add_node()
    for uuid in (records.add_server(), records.add_server(deleted=True), "never-recorded"):
        records.allocate(uuid)
    found = sweeps.find_orphaned_allocations(NOW)
    assert len(found) == 2
    assert sweeps.find_orphaned_allocations(LONG_AGO) == []
    assert sweeps.release_allocations(found, "c") == 2
    assert _used() == [1, 96, 1, 1]
    assert sweeps.find_orphaned_allocations(NOW) == []


def test_allocations_of_servers_on_no_host_are_deleted():
    """But not those of servers with an unfinished action, even one that begins before the
    repair."""
    records.add_node()
    idle, busy, busy_later = (records.add_server(host=None) for _ in range(3))
    records.add_action(busy)
    for uuid in (idle, busy, busy_later):
        records.allocate(uuid)
    found = sweeps.find_orphaned_allocations(NOW)
    assert {row["consumer_uuid"] for row in found} == {idle, busy_later}
    records.add_action(busy_later)
    assert sweeps.release_allocations(found, "c") == 1
    assert allocations.get(idle) is None
    assert allocations.get(busy) and allocations.get(busy_later)


def test_a_ledger_becomes_the_sum_of_the_allocations_at_its_repair():
    records.add_node("h1", vcpus_used=5)
    records.add_node("h2", running_vms=1)
    records.add_node("h3")
    records.allocate("one", "h3")
    found = sweeps.find_wrong_ledgers(NOW)
    assert {row["host"]: (row["vcpus_used"], row["due_vcpus_used"]) for row in found} == {
        "h1": (5, 0),
        "h2": (0, 0),
    }
    assert allocations.claim("two", "h1", REQUESTED)
    assert sweeps.correct_ledgers(found[1:], "c") == 1, "of h2 alone"
    assert _used("h1") == [6, 96, 1, 1]
    assert sweeps.correct_ledgers(found, "c") == 1
    assert _used("h2") == [0, 0, 0, 0]
    assert _used("h1") == [1, 96, 1, 1]
    assert _node("h1")["ledger_at"] is not None, "a scheduler reads what changed since"


def test_a_usage_becomes_the_sum_of_the_servers_that_are_not_deleted():
    records.add_server()
    records.add_server(deleted=True)
    _add_usage(instances=3, cores=1, ram=96)
    found = sweeps.find_wrong_usages(NOW)
    assert [(row["project_id"], row["instances"], row["due_instances"]) for row in found] == [
        ("p", 3, 1)
    ]
    records.add_server()  # after find
    assert sweeps.correct_usages(found, "c") == 1
    assert _usage() == {"instances": 2, "cores": 2, "ram": 192}


def test_the_usage_of_a_project_without_servers_becomes_0():
    _add_usage(instances=1, cores=4, ram=4096)
    sweeps.correct_usages(sweeps.find_wrong_usages(NOW), "c")
    assert _usage() == {"instances": 0, "cores": 0, "ram": 0}


def test_a_task_state_without_an_action_is_reset():
    stopping = records.add_server(task_state="powering-off", updated_at=None)
    building = records.add_server(task_state="spawning", vm_state="building")
    action = records.add_action(stopping, finish_time=LONG_AGO)
    records.add_server(task_state="rebooting", updated_at=query.now())  # not long yet
    found = sweeps.find_stranded_tasks(NOW)
    assert {row["uuid"] for row in found} == {stopping, building}
    assert sweeps.end_tasks(found, "c") == 2
    assert (records.server(stopping)["vm_state"], records.server(stopping)["task_state"]) == (
        "active",
        None,
    )
    assert records.server(building)["vm_state"] == "error"
    ((event, result, details),) = records.events(action)
    assert (event, result) == ("recovery_task_ended", "Success")
    assert "powering-off" in details


def test_a_task_state_is_not_reset_if_an_action_has_begun_since():
    uuid = records.add_server(task_state="powering-off")
    found = sweeps.find_stranded_tasks(NOW)
    action = records.add_action(uuid)
    assert sweeps.end_tasks(found, "c") == 0
    assert records.server(uuid)["task_state"] == "powering-off"
    actions.finish(action, None)
    assert sweeps.end_tasks(found, "c") == 1


def test_missing_allocations_are_claimed_on_the_hosts_of_the_servers():
    records.add_node("h1", vcpus=0)
    records.add_node("h2")
    none, elsewhere, busy = (records.add_server() for _ in range(3))
    records.allocate(elsewhere, "h2")
    records.add_action(busy)
    request_specs.create_many(dict.fromkeys((none, elsewhere, busy), REQUESTED))
    found = sweeps.find_missing_allocations(NOW)
    assert {row["uuid"]: row["held_on"] for row in found} == {none: None, elsewhere: "h2"}
    assert sweeps.claim_allocations(found, "c") == 2
    assert _used("h1") == [2, 192, 2, 2], "claimed although the host has no free vCPUs"
    assert _used("h2") == [0, 0, 0, 0]
    assert sweeps.find_missing_allocations(NOW) == []


def test_records_of_deleted_and_unknown_servers_are_deleted():
    alive, gone = records.add_server(), records.add_server(deleted=True)
    for uuid in (alive, gone, "never-recorded"):
        request_specs.create_many({uuid: REQUESTED})
        instance_tags.set_tags(uuid, ["mine"])
    group = cloud.add_group("affinity")
    leaver = records.add_server(deleted=True)
    instance_groups.add_members(group, [alive, leaver], "u", -1)
    member = models.instance_group_members
    query.update(member, {"created_at": LONG_AGO}, member.c.id.is_not(None))
    specs = models.request_specs
    query.update(specs, {"created_at": LONG_AGO}, specs.c.id.is_not(None))
    found = sweeps.find_orphaned_records(NOW)
    assert {row["uuid"] for row in found} == {gone, leaver, "never-recorded"}
    assert sweeps.delete_records(found, "c") == 3
    assert [row["instance_uuid"] for row in query.many(member)] == [alive]
    assert sweeps.find_orphaned_records(NOW) == []
    assert request_specs.get([alive, gone]) == {alive: REQUESTED}
    assert instance_tags.get_tags([alive, gone]) == {alive: ["mine"]}


@pytest.mark.parametrize(
    ("server", "status"),
    [
        ({"vm_state": "active", "host": "h1"}, "error"),
        ({"vm_state": "error", "host": "h2"}, "confirmed"),
        ({"vm_state": "resized", "host": "h2"}, "finished"),
    ],
)
def test_a_migration_without_an_action_is_ended_where_its_server_is(server, status):
    for host in ("h1", "h2"):
        records.add_node(host)
    uuid = records.add_server(**server)
    records.allocate(uuid, "h2")
    migration = records.add_migration(uuid, status="reverting")["uuid"]
    records.allocate(migration, "h1")
    found = sweeps.find_stranded_migrations(NOW)
    assert [row["uuid"] for row in found] == [migration]
    assert sweeps.end_migrations(found, "control") == 1
    row = query.one(models.migrations, models.migrations.c.uuid == migration)
    assert row["status"] == status
    held = {each: allocations.get(each) for each in (uuid, migration)}
    hosts = {each: row and row["host"] for each, row in held.items()}
    assert (
        hosts
        == {
            "error": {uuid: "h1", migration: None},
            "confirmed": {uuid: "h2", migration: None},
            "finished": {uuid: "h2", migration: "h1"},
        }[status]
    )


def test_a_migration_with_an_action_or_a_waiting_user_is_left_alone():
    busy = records.add_server(project_id="q")
    records.add_action(busy)
    records.add_migration(busy, status="migrating")
    records.add_migration(records.add_server(vm_state="resized"), status="finished")
    assert sweeps.find_stranded_migrations(NOW) == []
