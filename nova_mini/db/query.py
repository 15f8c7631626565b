"""The few shapes that every query module needs."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from nova_mini.db.session import reader, writer

T = TypeVar("T")


PART = 1000  # in one statement: how many values of an IN, how many rows of a long list


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """Many values, as many at a time as one statement takes."""
    rest = iter(values)
    while part := list(itertools.islice(rest, PART)):
        yield part


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def insert(table: sa.Table, values: Mapping[str, Any]) -> dict:
    """Insert one row and return it with its id and times."""
    row = {"created_at": now(), "updated_at": None, **values}
    with writer() as connection:
        result = connection.execute(table.insert(), row)
    return {**row, "id": result.inserted_primary_key[0]}


def insert_many(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows in one statement; their ids are not known afterwards."""
    if rows:
        stamp = now()
        with writer() as connection:
            connection.execute(table.insert(), [{"created_at": stamp, **row} for row in rows])


def update(table: sa.Table, values: Mapping[str, Any], *where) -> int:
    """Update and return how many rows matched."""
    with writer() as connection:
        return connection.execute(
            table.update().where(*where).values({"updated_at": now(), **values})
        ).rowcount


def delete(table: sa.Table, *where) -> int:
    with writer() as connection:
        return connection.execute(table.delete().where(*where)).rowcount


def one(table: sa.Table, *where) -> Mapping | None:
    with reader() as connection:
        return connection.execute(table.select().where(*where)).mappings().first()


def many(table: sa.Table, *where, order_by: Iterable = ()) -> list[Mapping]:
    with reader() as connection:
        statement = table.select().where(*where).order_by(*order_by)
        return list(connection.execute(statement).mappings())
