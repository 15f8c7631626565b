"""A client of the database that is gone, without the end of its connection."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini.conf import CONF
from nova_mini.db import engine

_CHANGE = sa.text("UPDATE counters SET number = number + 1 WHERE id = 1")


@pytest.fixture
def connect(engines) -> Iterator:
    """A function that makes an engine as the services do, to a database with one row."""
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("connection", engines.mariadb.create_database(), group="database")
    made = [engine.create(CONF, "READ COMMITTED")]
    with made[0].begin() as connection:
        connection.execute(sa.text("CREATE TABLE counters (id INT PRIMARY KEY, number INT)"))
        connection.execute(sa.text("INSERT INTO counters VALUES (1, 0)"))

    def make() -> sa.Engine:
        made.append(engine.create(CONF, "READ COMMITTED"))
        return made[-1]

    yield make
    for each in made:
        each.dispose()
    CONF.clear_override("connection", group="database")


def test_it_keeps_rows_locked_for_some_seconds_only(connect):
    lost = connect().connect()
    lost.execute(_CHANGE)  # and it never says anything again
    begun = time.monotonic()
    with connect().begin() as other:
        other.execute(_CHANGE)
        number = other.scalar(sa.text("SELECT number FROM counters"))
    assert 1 < time.monotonic() - begun < engine.IDLE_TRANSACTION + 5
    assert number == 1  # the change of the lost one is undone
    with pytest.raises(db_exc.DBConnectionError):
        lost.execute(_CHANGE)
