"""What a crash may have left is found in one look, and mended only where it is still so."""

from __future__ import annotations

import pytest

from nova_mini.db import actions, allocations, instances, models, query, request_specs, sweeps
from tests.unit.db import records
from tests.unit.db.records import ASKED, LONG_AGO, NOW

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


def test_a_healthy_cloud_has_nothing_to_sweep():
    records.add_node()
    uuid = records.add_server()
    records.allocate(uuid)
    request_specs.create_many({uuid: ASKED})
    instances.set_tags(uuid, ["mine"])
    records.add_server(host=None, project_id="q")
    _add_usage(instances=1, cores=1, ram=96)
    busy = records.add_server(task_state="powering-off", project_id="q")
    records.add_action(busy)
    assert [sweep.find(NOW) for sweep in sweeps.ALL] == [[]] * 6


def test_allocations_of_servers_that_are_gone():
    records.add_node()
    for uuid in (records.add_server(), records.add_server(deleted=True), "never-recorded"):
        records.allocate(uuid)
    found = sweeps.find_orphaned_allocations(NOW)
    assert len(found) == 2
    assert sweeps.find_orphaned_allocations(LONG_AGO) == []
    assert sweeps.release_allocations(found, "c") == 2
    assert _used() == [1, 96, 1, 1]
    assert sweeps.find_orphaned_allocations(NOW) == []


def test_allocations_of_servers_that_are_on_no_host():
    """Unless they are about to come to one, or come to it before it is mended."""
    records.add_node()
    idle, busy, comes = (records.add_server(host=None) for _ in range(3))
    records.add_action(busy)
    for uuid in (idle, busy, comes):
        records.allocate(uuid)
    found = sweeps.find_orphaned_allocations(NOW)
    assert {row["consumer_uuid"] for row in found} == {idle, comes}
    records.add_action(comes)
    assert sweeps.release_allocations(found, "c") == 1
    assert allocations.get(idle) is None
    assert allocations.get(busy) and allocations.get(comes)


def test_a_ledger_becomes_the_sum_that_is_due_then():
    records.add_node("h1", vcpus_used=5)
    records.add_node("h2", running_vms=1)
    records.add_node("h3")
    records.allocate("one", "h3")
    found = sweeps.find_wrong_ledgers(NOW)
    assert {row["host"]: (row["vcpus_used"], row["due_vcpus_used"]) for row in found} == {
        "h1": (5, 0),
        "h2": (0, 0),
    }
    assert allocations.claim("two", "h1", ASKED)
    assert sweeps.correct_ledgers(found[1:], "c") == 1, "of h2 alone"
    assert _used("h1") == [6, 96, 1, 1]
    assert sweeps.correct_ledgers(found, "c") == 1
    assert _used("h2") == [0, 0, 0, 0]
    assert _used("h1") == [1, 96, 1, 1]
    assert _node("h1")["ledger_at"] is not None, "a scheduler reads what changed since"


def test_a_usage_becomes_the_sum_of_the_living():
    records.add_server()
    records.add_server(deleted=True)
    _add_usage(instances=3, cores=1, ram=96)
    found = sweeps.find_wrong_usages(NOW)
    assert [(row["project_id"], row["instances"], row["due_instances"]) for row in found] == [
        ("p", 3, 1)
    ]
    records.add_server()  # since we looked
    assert sweeps.correct_usages(found, "c") == 1
    assert _usage() == {"instances": 2, "cores": 2, "ram": 192}


def test_a_project_whose_servers_are_all_gone_uses_nothing():
    _add_usage(instances=1, cores=4, ram=4096)
    sweeps.correct_usages(sweeps.find_wrong_usages(NOW), "c")
    assert _usage() == {"instances": 0, "cores": 0, "ram": 0}


def test_a_task_that_nobody_does_is_ended_and_told():
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


def test_a_task_is_not_ended_when_somebody_took_it_up_since_we_looked():
    uuid = records.add_server(task_state="powering-off")
    found = sweeps.find_stranded_tasks(NOW)
    action = records.add_action(uuid)
    assert sweeps.end_tasks(found, "c") == 0
    assert records.server(uuid)["task_state"] == "powering-off"
    actions.finish(action, None)
    assert sweeps.end_tasks(found, "c") == 1


def test_a_server_holds_its_share_where_it_is():
    records.add_node("h1", vcpus=0)
    records.add_node("h2")
    nowhere, elsewhere, busy = (records.add_server() for _ in range(3))
    records.allocate(elsewhere, "h2")
    records.add_action(busy)
    request_specs.create_many(dict.fromkeys((nowhere, elsewhere, busy), ASKED))
    found = sweeps.find_missing_allocations(NOW)
    assert {row["uuid"]: row["held_on"] for row in found} == {nowhere: None, elsewhere: "h2"}
    assert sweeps.claim_allocations(found, "c") == 2
    assert _used("h1") == [2, 192, 2, 2], "the host has them, whether it has room or not"
    assert _used("h2") == [0, 0, 0, 0]
    assert sweeps.find_missing_allocations(NOW) == []


def test_records_of_servers_that_are_gone():
    alive, gone = records.add_server(), records.add_server(deleted=True)
    for uuid in (alive, gone, "never-recorded"):
        request_specs.create_many({uuid: ASKED})
        instances.set_tags(uuid, ["mine"])
    specs = models.request_specs
    query.update(specs, {"created_at": LONG_AGO}, specs.c.id.is_not(None))
    found = sweeps.find_orphaned_records(NOW)
    assert {row["uuid"] for row in found} == {gone, "never-recorded"}
    assert sweeps.delete_records(found, "c") == 2
    assert sweeps.find_orphaned_records(NOW) == []
    assert request_specs.get([alive, gone]) == {alive: ASKED}
    assert instances.get_tags([alive, gone]) == {alive: ["mine"]}
