"""A fence takes the registration of a compute that is down, until it has cleaned up."""

from __future__ import annotations

import pytest

from nova_mini import db
from tests.unit.db import records


@pytest.fixture
def down(database) -> str:
    """The incarnation of the compute on h1, which is down."""
    return records.add_service("h1", seen=records.LONG_AGO)


def is_fenced() -> bool:
    return db.fences.is_fenced(db.fences.get_service("h1"))


def fence(*addresses: str) -> str:
    incarnation = db.fences.begin("h1", addresses)
    assert incarnation and db.fences.finish("h1", incarnation)
    return incarnation


def start() -> str:
    """A new process of the compute registers."""
    db.services.start("h1", "nova-mini-compute", "compute", "new", 4)
    return "new"


def evacuation(**columns) -> dict:
    uuid = records.add_server()
    columns = {"migration_type": "evacuation", "status": "accepted", **columns}
    return records.add_migration(uuid, **columns)


def status_of(migration) -> str:
    return db.query.one(db.models.migrations, db.models.migrations.c.id == migration["id"])[
        "status"
    ]


def test_a_host_that_is_up_is_not_fenced(database):
    records.add_service("h1")
    assert db.fences.begin("h1", []) is None


def test_a_host_without_a_service_is_not_fenced(database):
    assert db.fences.begin("h1", []) is None


def test_a_host_that_is_forced_down_is_fenced(database):
    records.add_service("h1", forced_down=True)
    assert db.fences.begin("h1", [])


def test_the_former_process_can_neither_beat_nor_claim(down):
    action_id = records.add_action(records.add_server())
    fence()
    db.services.report({down: True})
    assert db.fences.get_service("h1")["last_seen_up"] == records.LONG_AGO
    assert db.actions.claim(action_id, down, "h1") is None
    assert db.actions.get_unfinished(down) is None


def test_a_fence_is_valid_when_it_is_finished(down):
    incarnation = db.fences.begin("h1", ["192.0.2.1"])
    assert not is_fenced()
    assert db.fences.finish("h1", incarnation)
    assert is_fenced()


def test_a_host_that_returns_meanwhile_is_not_fenced(down):
    incarnation = db.fences.begin("h1", ["192.0.2.1"])
    start()
    assert not db.fences.finish("h1", incarnation)
    assert not is_fenced()


def test_a_new_process_ends_the_fence_but_its_addresses_stay(down):
    fence("192.0.2.1")
    start()
    assert not is_fenced()
    assert db.fences.get_service("h1")["fence"]["addresses"] == ["192.0.2.1"]


def test_a_repeated_fence_keeps_the_addresses_of_the_interrupted_one(down):
    db.fences.begin("h1", ["192.0.2.1"])
    fence("192.0.2.2")
    assert db.fences.get_service("h1")["fence"]["addresses"] == ["192.0.2.1", "192.0.2.2"]


def test_only_the_present_process_lifts_the_fence(down):
    fence()
    assert not db.fences.lift("h1", "other")
    assert db.fences.lift("h1", start())
    assert db.fences.get_service("h1")["fence"] is None


def test_a_server_leaves_a_fenced_host_only(down):
    migration = evacuation()
    assert not db.fences.take_server("h1", migration["uuid"])
    assert status_of(migration) == "accepted"
    fence()
    assert db.fences.take_server("h1", migration["uuid"])
    assert status_of(migration) == "pre-migrating"


def test_no_server_leaves_a_host_that_has_returned(down):
    migration = evacuation()
    fence()
    start()
    assert not db.fences.take_server("h1", migration["uuid"])
    assert status_of(migration) == "accepted"


def test_a_host_cleans_up_after_the_servers_that_left_it(down):
    evacuation()  # only accepted
    evacuation(status="pre-migrating", source_compute="h3")
    leaving = evacuation(status="pre-migrating")
    done = evacuation(status="done")
    evacuation(status="completed")
    found = db.fences.get_evacuated("h1")
    assert [row["uuid"] for row in found] == [leaving["uuid"], done["uuid"]]
    db.fences.complete("h1", [leaving["uuid"], done["uuid"]])
    assert (status_of(leaving), status_of(done)) == ("pre-migrating", "completed")


def test_a_server_goes_back_from_a_fenced_destination(database):
    uuid = records.add_server(host="h2", node="h2")
    records.add_migration(uuid, migration_type="evacuation", status="pre-migrating")
    db.fences.leave_destination(uuid)
    assert records.server(uuid)["host"] == "h1"
    assert db.server_migrations.get_open(uuid)["dest_compute"] is None
