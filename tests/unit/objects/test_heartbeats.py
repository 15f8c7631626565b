"""Heartbeats: written together, kept while the database is away, refused to who is replaced."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from oslo_db import exception as db_exc

from nova_mini import db
from nova_mini.db import models, query
from nova_mini.objects import heartbeats
from tests.functional.harness import waiting


@pytest.fixture
def beats(monkeypatch) -> Iterator[heartbeats.Heartbeats]:
    monkeypatch.setattr(heartbeats, "_PAUSE", 0.05)
    made = heartbeats.Heartbeats()
    yield made
    waiting.until("all are written", lambda: not made._waiting, 5)


def start(host: str) -> str:
    incarnation = str(uuid.uuid4())
    db.services.start(host, "nova-mini-compute", "compute", incarnation, 1)
    return incarnation


def counts() -> dict[str, tuple]:
    return {
        row["host"]: (row["report_count"], row["available"]) for row in query.many(models.services)
    }


def test_those_of_many_are_one_write(database, beats, monkeypatch):
    written = []
    report = db.services.report
    monkeypatch.setattr(db.services, "report", lambda some: written.append(some) or report(some))
    one, other = start("h1"), start("h2")
    before = {row["host"]: row["last_seen_up"] for row in query.many(models.services)}
    assert beats.beat(one, True) and beats.beat(other, False)
    waiting.until("both are written", lambda: counts() == {"h1": (1, True), "h2": (1, False)}, 5)
    assert written == [{one: True, other: False}]
    for row in query.many(models.services):
        assert row["last_seen_up"] > before[row["host"]] and row["updated_at"] is None


def test_who_is_replaced_is_told_so(database, beats):
    old = start("h1")
    assert beats.beat(old, True)
    waiting.until("it is written", lambda: counts()["h1"][0] == 1, 5)
    new = start("h1")
    waiting.until("the old one is told", lambda: not beats.beat(old, True), 5)
    assert beats.beat(new, True)
    assert counts()["h1"][1] is True


def test_none_is_lost_while_the_database_is_away(database, beats, monkeypatch):
    report, tries = db.services.report, []

    def away(some):
        tries.append(some)
        if len(tries) < 3:
            raise db_exc.DBError("away")
        return report(some)

    monkeypatch.setattr(db.services, "report", away)
    one = start("h1")
    beats.beat(one, True)
    waiting.until("it is written", lambda: counts()["h1"][0] == 1, 5)
    assert tries == [{one: True}] * 3
