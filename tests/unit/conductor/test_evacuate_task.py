"""Fence a dead host, and choose destinations for its servers."""

from __future__ import annotations

import pathlib

import pytest

from nova_mini import db
from nova_mini.conf import CONF
from nova_mini.db import models, query
from tests.unit.api.openstack.compute.conftest import IMAGE
from tests.unit.conductor import task_records
from tests.unit.conductor.task_records import fault_of, place, row, server_of
from tests.unit.conductor.test_migrate_task import lent, migration_of
from tests.unit.db import records
from tests.unit.scheduler import cloud

SOURCE = "h1"


@pytest.fixture
def hosts(database) -> None:
    """The source, which is down, and two other hosts of which h3 has the most memory."""
    for number in (1, 2, 3):
        cloud.add_host(f"h{number}", memory_mb=4096 * number)
    query.update(models.services, {"version": 4}, models.services.c.topic == "compute")
    task_records.be_silent(SOURCE)


@pytest.fixture
def command(tmp_path):
    """``command(status)``: the fence command ends with this status. Returns the file into which it
    writes its arguments."""

    def make(status: int) -> pathlib.Path:
        program, called = tmp_path / "fence", tmp_path / "called"
        program.write_text(f'#!/bin/sh\necho "$@" >> {called}\nexit {status}\n')
        program.chmod(0o700)
        CONF.set_override("fence_command", str(program), group="conductor")
        return called

    yield make
    CONF.clear_override("fence_command", group="conductor")


def force_down() -> None:
    query.update(models.services, {"forced_down": True}, models.services.c.host == SOURCE)


def begin(args: dict | None = None) -> int:
    server = {"vm_state": "active", "task_state": "rebuilding", "host": SOURCE, "power_state": 1}
    server["image_ref"] = IMAGE
    action_id = task_records.add_request(
        "evacuate_server", server=server, action="evacuate", args=args or {}
    )
    uuid = row(action_id)["instance_uuid"]
    records.allocate(uuid, SOURCE)
    nowhere = {"dest_compute": None, "dest_node": None, "dest_host": None}
    records.add_migration(
        uuid, status="accepted", migration_type="evacuation", source_compute=SOURCE, **nowhere
    )
    return action_id


def refusal(action_id: int, vm_state: str = "active") -> str:
    """Why the server was not evacuated; it is where it was."""
    server = server_of(action_id)
    assert (server["host"], server["vm_state"], server["task_state"]) == (SOURCE, vm_state, None)
    migration = query.one(models.migrations, models.migrations.c.instance_uuid == server["uuid"])
    assert migration["status"] == "error"
    assert task_records.allocated_to(action_id) == SOURCE
    assert row(action_id)["message"] == "Error"
    (details,) = [each[2] for each in task_records.turns(action_id)]
    assert fault_of(action_id)
    return details


def test_a_server_of_a_fenced_host_is_handed_to_the_best_other_host(
    tasks, bus, hosts, context, command
):
    called = command(0)
    action_id = begin()
    tasks.evacuate_server(context, [action_id])
    assert place(action_id) == ("h3", "evacuate_instance")
    ((host, method, kwargs),) = bus.casts
    assert (host, method, kwargs["action_id"]) == ("h3", "evacuate_instance", action_id)
    assert called.read_text() == "h1\n"
    migration = migration_of(action_id)
    assert (migration["status"], migration["dest_compute"]) == ("pre-migrating", "h3")
    assert lent(action_id) == SOURCE
    assert task_records.allocated_to(action_id) == "h3"
    assert server_of(action_id)["host"] == SOURCE


def test_a_host_is_fenced_once(tasks, hosts, context, command):
    called = command(0)
    tasks.evacuate_server(context, [begin(), begin()])
    assert called.read_text() == "h1\n"


def test_without_a_fence_the_server_stays(tasks, hosts, context):
    action_id = begin()
    before = db.fences.get_service(SOURCE)["incarnation"]
    tasks.evacuate_server(context, [action_id])
    details = refusal(action_id)
    assert "there is no fence_command" in details and "force its service down" in details
    assert db.fences.get_service(SOURCE)["incarnation"] == before


def test_a_fence_command_that_fails_keeps_the_server(tasks, hosts, context, command):
    command(3)
    action_id = begin()
    tasks.evacuate_server(context, [action_id])
    assert "ended with status 3" in refusal(action_id)


def test_the_administrator_vouches_for_a_host_that_is_forced_down(
    tasks, hosts, context, command, caplog
):
    command(3)
    action_id = begin()
    force_down()
    tasks.evacuate_server(context, [action_id])
    assert place(action_id) == ("h3", "evacuate_instance")
    assert "An administrator has forced it down" in caplog.text


def test_a_host_that_has_returned_keeps_its_server(tasks, hosts, context, command):
    command(0)
    action_id = begin()
    db.services.report({db.fences.get_service(SOURCE)["incarnation"]: True})
    tasks.evacuate_server(context, [action_id])
    assert "is still in use" in refusal(action_id)


def test_a_missing_fence_command_is_named(tasks, hosts, context):
    CONF.set_override("fence_command", "/nowhere/fence", group="conductor")
    try:
        action_id = begin()
        tasks.evacuate_server(context, [action_id])
    finally:
        CONF.clear_override("fence_command", group="conductor")
    assert "could not be run: No such file" in refusal(action_id)


def test_a_destination_that_has_failed_is_not_chosen_again(tasks, hosts, context):
    action_id = begin({"tried": ["h3"], "reason": "no disk"})
    force_down()
    tasks.evacuate_server(context, [action_id])
    assert place(action_id) == ("h2", "evacuate_instance")


def test_hosts_of_an_older_release_are_not_chosen(tasks, hosts, context):
    query.update(models.services, {"version": 3}, models.services.c.host == "h3")
    action_id = begin()
    force_down()
    tasks.evacuate_server(context, [action_id])
    assert place(action_id) == ("h2", "evacuate_instance")


@pytest.mark.parametrize("force", [False, True])
def test_a_requested_host_is_chosen(tasks, hosts, context, force):
    action_id = begin({"host": "h2", "force": force})
    force_down()
    tasks.evacuate_server(context, [action_id])
    assert place(action_id) == ("h2", "evacuate_instance")


@pytest.mark.parametrize(
    "args", [{"tried": ["h2", "h3"], "reason": "no disk"}, {"host": "h2", "tried": ["h2"]}]
)
def test_without_a_host_the_server_goes_to_error(tasks, hosts, context, args):
    action_id = begin(args)
    force_down()
    tasks.evacuate_server(context, [action_id])
    assert "No valid host" in refusal(action_id, "error")
    assert "No valid host was found" in fault_of(action_id)["message"]


def test_while_another_conductor_fences_the_host_the_server_waits(tasks, hosts, context, command):
    called = command(0)
    assert db.leases.take(f"fence {SOURCE}", "other", 60)
    action_id = begin()
    tasks.evacuate_server(context, [action_id])
    assert place(action_id) == (None, "evacuate_server")
    assert not called.exists()


@pytest.mark.parametrize(
    ("of_h3", "chosen"), [("rbd:f/vms", "h3"), ("rbd:f/x", "h2"), (None, "h2")]
)
def test_a_server_with_shared_disks_goes_to_a_host_that_has_them(
    tasks, hosts, context, of_h3, chosen
):
    nodes = models.compute_nodes.c
    for host, pool in (("h1", "rbd:f/vms"), ("h2", "rbd:f/vms"), ("h3", of_h3)):
        query.update(models.compute_nodes, {"disk_pool": pool}, nodes.host == host)
        if pool:
            db.disk_pools.report(pool, 1000)
    action_id = begin()
    force_down()
    tasks.evacuate_server(context, [action_id])
    assert place(action_id) == (chosen, "evacuate_instance")


# -- the return of the host ----------------------------------------------------------------------


def test_the_fence_of_a_host_that_has_returned_is_lifted(tasks, hosts, context, command):
    command(0)
    tasks.evacuate_server(context, [begin()])
    db.services.start(SOURCE, "nova-mini-compute", "compute", "new", 4)
    assert tasks.readmit_host(context, SOURCE, "new") is True
    assert db.fences.get_service(SOURCE)["fence"] is None


def test_a_replaced_process_is_not_readmitted(tasks, hosts, context, command):
    command(0)
    former = db.fences.get_service(SOURCE)["incarnation"]
    tasks.evacuate_server(context, [begin()])
    assert tasks.readmit_host(context, SOURCE, former) is False
    assert db.fences.is_fenced(db.fences.get_service(SOURCE))
