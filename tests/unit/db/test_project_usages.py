"""The usage of projects: concurrent claims and releases."""

from __future__ import annotations

import contextlib

import pytest
import sqlalchemy as sa

from nova_mini.db import models, project_usages, session

pytestmark = pytest.mark.usefixtures("database")

ONE = {"instances": 1, "cores": 1, "ram": 64}
TWO_ALLOWED = {"instances": 2, "cores": -1, "ram": -1}


def test_claims_succeed_up_to_the_limit():
    assert [project_usages.claim("p", ONE, TWO_ALLOWED) for _ in range(3)] == [True, True, False]
    assert project_usages.get("p") == {"instances": 2, "cores": 2, "ram": 128}


def test_concurrent_first_requests_of_a_project_succeed():
    """Another request inserts the row just after this one has found none."""

    def insert_row(connection, *_):
        connection.execute(models.project_usages.insert(), {"project_id": "p", **ONE})

    sa.event.listen(session.get_engine(), "after_cursor_execute", insert_row, once=True)
    assert project_usages.claim("p", ONE, TWO_ALLOWED)
    assert project_usages.get("p") == {"instances": 2, "cores": 2, "ram": 128}


def test_a_release_is_the_last_statement_of_its_transaction():
    """Concurrent requests of a project wait for its row."""
    project_usages.claim("p", ONE, TWO_ALLOWED)
    statements = []

    def record(_connection, _cursor, statement, *_):
        statements.append(statement.partition(" ")[0])

    sa.event.listen(session.get_engine(), "before_cursor_execute", record)
    with session.writer() as connection:
        project_usages.release("p", 1, 1, 64)
        connection.execute(models.tags.delete())
    assert statements == ["DELETE", "UPDATE"]
    assert project_usages.get("p") == {"instances": 0, "cores": 0, "ram": 0}


def test_a_failed_transaction_releases_nothing():
    project_usages.claim("p", ONE, TWO_ALLOWED)
    with contextlib.suppress(KeyError), session.writer():
        project_usages.release("p", 1, 1, 64)
        raise KeyError
    with session.writer():
        pass
    assert project_usages.get("p") == ONE
