"""The few shapes that every query module needs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nova_mini.db.session import reader, writer


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
