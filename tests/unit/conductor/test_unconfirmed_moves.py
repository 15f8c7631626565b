"""Moves that their users leave waiting are confirmed after a time, if the operator wants that."""

from __future__ import annotations

import pytest

from nova_mini import db
from nova_mini.conductor.unconfirmed_moves import UnconfirmedMoves
from nova_mini.db import models, query
from tests.unit.db import records


@pytest.fixture
def moves(database, bus) -> UnconfirmedMoves:
    return UnconfirmedMoves("incarnation")


def _status(migration: dict) -> str:
    return query.one(models.migrations, models.migrations.c.uuid == migration["uuid"])["status"]


@pytest.fixture
def resized() -> tuple[str, dict]:
    uuid = records.add_server(vm_state="resized", host="h2")
    return uuid, records.add_migration(uuid)


def test_a_move_is_confirmed_at_its_source(moves, bus, override, resized):
    override("resize_confirm_window", 1)
    uuid, migration = resized
    moves.confirm()
    (action,) = db.actions.get_unfinished_of_instance(uuid)
    assert (action["action"], action["method"]) == ("confirmResize", "confirm_resize")
    assert action["host"] == "h1"
    assert _status(migration) == "confirming"
    assert db.instances.get_by_uuid(uuid)["task_state"] == "resize_confirming"


@pytest.mark.parametrize(
    ("window", "server"),
    [
        (0, {"vm_state": "resized"}),
        (10**9, {"vm_state": "resized"}),
        (1, {"vm_state": "resized", "task_state": "resize_reverting"}),
        (1, {"vm_state": "active"}),
        (1, {"vm_state": "deleted", "deleted": True}),
    ],
)
def test_another_move_is_left_alone(moves, override, window, server):
    override("resize_confirm_window", window)
    uuid = records.add_server(**server)
    migration = records.add_migration(uuid)
    moves.confirm()
    assert db.actions.get_unfinished_of_instance(uuid) == []
    assert _status(migration) == "finished"
