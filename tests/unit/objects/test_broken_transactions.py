"""A failed transaction is retried completely."""

from __future__ import annotations

import functools
import uuid

import pytest
from oslo_db import exception as db_exc

from nova_mini import db
from nova_mini.db import actions, services
from nova_mini.objects.instance_action import InstanceAction
from tests.unit.db import records

_EVENT = "compute_stop_instance"


@pytest.fixture
def breaks_once(monkeypatch):
    """The connection breaks once, after the server was written."""
    finish, broken = actions.finish, []

    def break_first(*args, **kwargs):
        if not broken:
            broken.append(True)
            raise db_exc.DBConnectionError()
        return finish(*args, **kwargs)

    monkeypatch.setattr(actions, "finish", break_first)
    return broken


@pytest.fixture
def stopping(context, database):
    """(server UUID, action, function that finishes the action) of a stop."""
    owner = str(uuid.uuid4())
    services.start("h1", "nova-mini-compute", "compute", owner, 1)
    server = records.add_server(task_state="powering-off", host="h1")
    action_id = records.add_action(server)
    action = InstanceAction.claim(context, action_id, owner, host="h1", event=_EVENT, at="h1")
    finish = functools.partial(InstanceAction.finish, context, action_id, owner, _EVENT, at="h1")
    return server, action, finish


def test_the_changes_of_a_server_are_written_by_the_retry(stopping, breaks_once):
    server, action, finish = stopping
    action.instance.task_state = None
    action.instance.vm_state = "stopped"
    finish(instance=action.instance)
    assert breaks_once
    row = db.instances.get_by_uuid(server)
    assert (row["task_state"], row["vm_state"]) == (None, "stopped")
    assert actions.get(action.id)["finish_time"]


def test_a_server_is_deleted_by_the_retry(stopping, breaks_once):
    server, action, finish = stopping
    action.instance.deleted = True
    finish(instance=action.instance)
    assert breaks_once
    assert db.instances.get_by_uuid(server) is None


def test_a_part_of_a_transaction_is_not_retried_alone(database):
    calls = []

    @db.session.retried
    def part():
        calls.append(1)
        raise db_exc.DBDeadlock()

    with pytest.raises(db_exc.DBDeadlock), db.session.writer():
        part()
    assert calls == [1]


@pytest.mark.parametrize(("lasts", "attempts"), [(0, 7), (10, 1)])
def test_no_retry_after_an_attempt_that_takes_long(monkeypatch, lasts, attempts):
    """If the database's machine is down, seven attempts would take half a minute."""
    clock, calls = [0.0], []
    monkeypatch.setattr(db.session.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(db.session.time, "sleep", lambda seconds: None)

    @db.session.retried
    def connect():
        calls.append(1)
        clock[0] += lasts
        raise db_exc.DBConnectionError()

    with pytest.raises(db_exc.DBConnectionError):
        connect()
    assert len(calls) == attempts
