"""What a drain does with a server in each state."""

from __future__ import annotations

import pytest

from nova_mini.db import host_servers
from nova_mini.maintenance import next_step
from nova_mini.maintenance.next_step import Step
from nova_mini.states import migration_states, vm_states
from tests.unit.db import records

pytestmark = pytest.mark.usefixtures("database")


def _next(host: str = "h1") -> next_step.Next:
    (row,) = host_servers.get(host)
    return next_step.of(row, host)


@pytest.mark.parametrize(
    ("vm_state", "step"),
    [
        (vm_states.ACTIVE, Step.LIVE_MIGRATE),
        (vm_states.PAUSED, Step.LIVE_MIGRATE),
        (vm_states.STOPPED, Step.MIGRATE),
        (vm_states.SUSPENDED, Step.STUCK),
        (vm_states.RESCUED, Step.STUCK),
        (vm_states.SHELVED, Step.STUCK),
        (vm_states.ERROR, Step.STUCK),
        (vm_states.BUILDING, Step.STUCK),
    ],
)
def test_the_state_decides(vm_state, step):
    records.add_server(vm_state=vm_state)
    found = _next()
    assert found.step is step
    assert bool(found.reason) == (step is Step.STUCK)


def test_a_busy_server_is_waited_for():
    records.add_server(task_state="image_uploading")
    assert _next() == next_step.Next(Step.WAIT, "its task is image_uploading")


@pytest.mark.parametrize(
    ("columns", "server", "step"),
    [
        ({"status": migration_states.MIGRATING}, {"host": "h1"}, Step.MOVES),
        ({"status": migration_states.CONFIRMING}, {"host": "h2"}, Step.MOVES),
        ({"status": migration_states.FINISHED}, {"host": "h2"}, Step.STUCK),  # of a user
        (
            {"status": migration_states.FINISHED, "user_id": None, "migration_type": "migration"},
            {"host": "h2"},
            Step.CONFIRM,
        ),
        (
            {"status": migration_states.FINISHED, "user_id": None, "migration_type": "migration"},
            {"host": "h2", "task_state": "deleting"},
            Step.WAIT,
        ),
        ({"status": migration_states.FINISHED, "user_id": None}, {"host": "h2"}, Step.STUCK),
    ],
)
def test_a_server_that_moves_away(columns, server, step):
    uuid = records.add_server(**{"vm_state": vm_states.RESIZED, **server})
    records.add_migration(uuid, **columns)
    assert _next().step is step


@pytest.mark.parametrize(
    ("status", "step"),
    [(migration_states.MIGRATING, Step.WAIT), (migration_states.FINISHED, Step.STUCK)],
)
def test_a_server_that_arrives(status, step):
    records.add_migration(records.add_server(host="h1"), status=status)
    assert _next("h2").step is step


def test_only_servers_with_a_part_on_the_host_are_found():
    here, moved = records.add_server(), records.add_server(host="h2")
    records.add_migration(moved, status=migration_states.FINISHED)
    elsewhere = records.add_server(host="h2")
    records.add_migration(elsewhere, status=migration_states.CONFIRMED)
    records.add_server(deleted=True)
    assert [row.uuid for row in host_servers.get("h1")] == [here, moved]
    assert [row.uuid for row in host_servers.get("h2")] == [moved, elsewhere]
    found = host_servers.hosts_of([here, moved, "missing"])
    assert found == {here: "h1", moved: "h2"}
