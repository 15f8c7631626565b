"""The cache of services without unfinished actions."""

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
def queries(monkeypatch) -> list[None]:
    """One entry for each query."""
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


def test_a_compute_without_unfinished_actions_is_idle(database):
    busy, idle, conductor = start("h1"), start("h2"), start("h1", "conductor")
    action_id = begin("h1")
    assert db.services.get_idle() == {idle, conductor}
    db.actions.finish(action_id, None)
    assert db.services.get_idle() == {busy, idle, conductor}


def test_one_query_answers_for_many_services(database, clock, queries):
    incarnations = [start("h1"), start("h2")]
    idle = idle_services.IdleServices()
    assert all(incarnation in idle for incarnation in incarnations)
    assert len(queries) == 1


def test_a_new_action_is_found_when_the_cache_expires(database, clock):
    incarnation, idle = start("h1"), idle_services.IdleServices()
    assert incarnation in idle
    begin("h1")
    clock[0] += idle_services._VALID_FOR
    assert incarnation not in idle


def test_a_service_that_has_just_started_is_not_idle_yet(database, clock):
    old, idle = start("h1"), idle_services.IdleServices()
    assert old in idle
    new = start("h1")
    assert new not in idle
    clock[0] += idle_services._VALID_FOR
    assert new in idle and old not in idle


def test_a_failed_query_is_repeated(database, clock, monkeypatch):
    incarnation, idle = start("h1"), idle_services.IdleServices()

    def fail():
        raise db_exc.DBConnectionError()

    with monkeypatch.context() as broken:
        broken.setattr(db.services, "get_idle", fail)
        with pytest.raises(db_exc.DBConnectionError):
            incarnation in idle  # noqa: B015
    assert incarnation in idle
