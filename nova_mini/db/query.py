"""Helpers of the query modules."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from nova_mini.db.session import reader, writer

T = TypeVar("T")


PART = 1000  # the most values of an IN, and the most rows of a long list, in one statement


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """Split many values into lists of at most PART."""
    rest = iter(values)
    while part := list(itertools.islice(rest, PART)):
        yield part


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def insert(table: sa.Table, values: Mapping[str, Any]) -> dict:
    """Insert one row and return it with its id and times."""
    row = {"created_at": now(), "updated_at": None, **values}
    with writer() as connection:
        inserted: Any = connection.execute(table.insert(), row).inserted_primary_key
    return {**row, "id": inserted[0]}


def insert_many(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows in one statement. Their IDs are not returned."""
    if rows:
        stamp = now()
        with writer() as connection:
            connection.execute(table.insert(), [{"created_at": stamp, **row} for row in rows])


def update(table: sa.Table, values: Mapping[str, Any], *where: sa.ColumnElement) -> int:
    """Update and return how many rows matched."""
    with writer() as connection:
        return connection.execute(
            table.update().where(*where).values({"updated_at": now(), **values})
        ).rowcount


def delete(table: sa.Table, *where: sa.ColumnElement) -> int:
    """Delete and return how many rows matched."""
    with writer() as connection:
        return connection.execute(table.delete().where(*where)).rowcount


def one(table: sa.Table, *where: sa.ColumnElement) -> Mapping | None:
    with reader() as connection:
        return connection.execute(table.select().where(*where)).mappings().first()


def many(
    table: sa.Table, *where: sa.ColumnElement, order_by: Iterable[sa.ColumnElement] = ()
) -> list[Mapping]:
    with reader() as connection:
        statement = table.select().where(*where).order_by(*order_by)
        return list(connection.execute(statement).mappings())
