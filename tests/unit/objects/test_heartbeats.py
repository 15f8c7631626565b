"""Heartbeats are written together, and kept while the database is unavailable; check-ins."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from oslo_db import exception as db_exc

from nova_mini import db
from nova_mini.db import models, query
from nova_mini.objects import heartbeats, service
from tests.functional.harness import waiting


@pytest.fixture
def beats(monkeypatch) -> Iterator[heartbeats.Heartbeats]:
    monkeypatch.setattr(heartbeats, "_DELAY", 0.05)
    made = heartbeats.Heartbeats()
    yield made
    waiting.until("all are written", lambda: not made._pending, 5)


def start(host: str) -> str:
    incarnation = str(uuid.uuid4())
    db.services.start(host, "nova-mini-compute", "compute", incarnation, 1)
    return incarnation


def counts() -> dict[str, tuple]:
    return {
        row["host"]: (row["report_count"], row["available"]) for row in query.many(models.services)
    }


def test_heartbeats_of_several_services_are_one_statement(database, beats, monkeypatch):
    written = []
    report = db.services.report
    monkeypatch.setattr(db.services, "report", lambda some: written.append(some) or report(some))
    one, other = start("h1"), start("h2")
    before = {row["host"]: row["last_seen_up"] for row in query.many(models.services)}
    beats.beat(one, True)
    beats.beat(other, False)
    waiting.until("both are written", lambda: counts() == {"h1": (1, True), "h2": (1, False)}, 5)
    assert written == [{one: True, other: False}]
    for row in query.many(models.services):
        assert row["last_seen_up"] > before[row["host"]] and row["updated_at"] is None


def test_heartbeats_of_a_replaced_service_are_ignored(database, beats):
    old = start("h1")
    new = start("h1")
    beats.beat(old, False)
    beats.beat(new, True)
    waiting.until("they are written", lambda: counts()["h1"][0] == 1, 5)
    assert counts()["h1"] == (1, True)


def begin(host: str | None, **values) -> int:
    row = db.actions.begin(
        {
            "instance_uuid": str(uuid.uuid4()),
            "action": "stop",
            "method": "stop_instance",
            "host": host,
            "user_id": "user",
            "args": {"a": "secret"},
            **values,
        }
    )
    return row["id"]


def test_a_check_in_returns_the_unfinished_actions_of_the_host(
    database, beats, context, monkeypatch
):
    monkeypatch.setattr(service, "_heartbeats", beats)
    one, other = start("h1"), start("h2")
    ids = [begin("h1"), begin("h1")]
    done = begin("h1")
    db.actions.finish(done, None)
    begin("h3")
    begin(None)
    actions = service.Service.check_in(context, one)
    assert [(each[0], each[1]) for each in actions] == [(i, "stop_instance") for i in ids]
    assert {each[3]["user"] for each in actions} == {"user"}
    assert service.Service.check_in(context, other) == []
    waiting.until("it was a heartbeat", lambda: counts() == {"h1": (1, True), "h2": (1, True)}, 5)


def test_a_check_in_of_a_conductor_returns_no_actions(database, beats, context, monkeypatch):
    monkeypatch.setattr(service, "_heartbeats", beats)
    begin("h1")
    incarnation = str(uuid.uuid4())
    db.services.start("h1", "nova-mini-conductor", "conductor", incarnation, 1)
    assert service.Service.check_in(context, incarnation) == []


def test_a_check_in_of_a_replaced_service_returns_none(database, beats, context, monkeypatch):
    monkeypatch.setattr(service, "_heartbeats", beats)
    old = start("h1")
    begin("h1")
    new = start("h1")
    assert service.Service.check_in(context, old) is None
    assert len(service.Service.check_in(context, new)) == 1


def test_no_heartbeat_is_lost_while_the_database_is_unavailable(database, beats, monkeypatch):
    report, tries = db.services.report, []

    def fail_twice(some):
        tries.append(some)
        if len(tries) < 3:
            raise db_exc.DBError("unavailable")
        return report(some)

    monkeypatch.setattr(db.services, "report", fail_twice)
    one = start("h1")
    beats.beat(one, True)
    waiting.until("it is written", lambda: counts()["h1"][0] == 1, 5)
    assert tries == [{one: True}] * 3
