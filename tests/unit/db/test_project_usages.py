"""A project's use is taken in one statement, and its row is made by whoever comes first."""

from __future__ import annotations

import contextlib

import pytest
import sqlalchemy as sa

from nova_mini.db import models, project_usages, session

pytestmark = pytest.mark.usefixtures("database")

ONE = {"instances": 1, "cores": 1, "ram": 64}
TWO_ALLOWED = {"instances": 2, "cores": -1, "ram": -1}


def test_as_much_as_the_limits_allow_is_taken():
    assert [project_usages.claim("p", ONE, TWO_ALLOWED) for _ in range(3)] == [True, True, False]
    assert project_usages.get("p") == {"instances": 2, "cores": 2, "ram": 128}


def test_a_project_whose_first_requests_come_together_is_not_refused():
    """Another request makes the row just after this one has found none to take from."""

    def make_row(connection, *_):
        connection.execute(models.project_usages.insert(), {"project_id": "p", **ONE})

    sa.event.listen(session.get_engine(), "after_cursor_execute", make_row, once=True)
    assert project_usages.claim("p", ONE, TWO_ALLOWED)
    assert project_usages.get("p") == {"instances": 2, "cores": 2, "ram": 128}


def test_what_is_given_back_is_the_end_of_its_transaction():
    """The project's row is where its requests wait for one another."""
    project_usages.claim("p", ONE, TWO_ALLOWED)
    changed = []

    def note(_connection, _cursor, statement, *_):
        changed.append(statement.partition(" ")[0])

    sa.event.listen(session.get_engine(), "before_cursor_execute", note)
    with session.writer() as connection:
        project_usages.release("p", 1, 1, 64)
        connection.execute(models.tags.delete())
    assert changed == ["DELETE", "UPDATE"]
    assert project_usages.get("p") == {"instances": 0, "cores": 0, "ram": 0}


def test_a_transaction_that_breaks_gives_nothing_back():
    project_usages.claim("p", ONE, TWO_ALLOWED)
    with contextlib.suppress(KeyError), session.writer():
        project_usages.release("p", 1, 1, 64)
        raise KeyError
    with session.writer():
        pass
    assert project_usages.get("p") == ONE
