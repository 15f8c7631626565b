"""One look at the database for all that ask what they have not done."""

from __future__ import annotations

import uuid

import pytest
from oslo_db import exception as db_exc

from nova_mini import db
from nova_mini.objects import idle_services


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(idle_services.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def looks(monkeypatch) -> list[None]:
    """One entry for each look at the database."""
    made: list[None] = []
    get_idle = db.services.get_idle
    monkeypatch.setattr(db.services, "get_idle", lambda: made.append(None) or get_idle())
    return made


def start(host: str, topic: str = "compute") -> str:
    incarnation = str(uuid.uuid4())
    db.services.start(host, f"nova-mini-{topic}", topic, incarnation, 1)
    return incarnation


def begin(host: str) -> int:
    values = {"action": "stop", "method": "stop_instance", "instance_uuid": str(uuid.uuid4())}
    return db.actions.begin({**values, "host": host})["id"]


def test_a_compute_is_idle_when_it_has_done_all(database):
    busy, idle, beside = start("h1"), start("h2"), start("h1", "conductor")
    action_id = begin("h1")
    assert db.services.get_idle() == {idle, beside}
    db.actions.finish(action_id, None)
    assert db.services.get_idle() == {busy, idle, beside}


def test_many_that_ask_are_one_look(database, clock, looks):
    incarnations = [start("h1"), start("h2")]
    idle = idle_services.IdleServices()
    assert all(incarnation in idle for incarnation in incarnations)
    assert len(looks) == 1


def test_what_is_begun_is_seen_in_time(database, clock):
    incarnation, idle = start("h1"), idle_services.IdleServices()
    assert incarnation in idle
    begin("h1")
    clock[0] += idle_services._GOOD_FOR
    assert incarnation not in idle


def test_who_has_just_started_is_not_known_to_be_idle(database, clock):
    old, idle = start("h1"), idle_services.IdleServices()
    assert old in idle
    new = start("h1")
    assert new not in idle
    clock[0] += idle_services._GOOD_FOR
    assert new in idle and old not in idle


def test_a_look_that_fails_is_made_again(database, clock, monkeypatch):
    incarnation, idle = start("h1"), idle_services.IdleServices()

    def away():
        raise db_exc.DBConnectionError()

    with monkeypatch.context() as broken:
        broken.setattr(db.services, "get_idle", away)
        with pytest.raises(db_exc.DBConnectionError):
            incarnation in idle  # noqa: B015
    assert incarnation in idle
