"""Pages by keyset: a page starts behind the last row of the one before, wherever that is by now.

The cost of a page does not grow with its number, and rows that come and go shift no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

#: (column, "asc" or "desc") in turn; the last column should be unique.
Sort = Sequence[tuple[str, str]]


def order_by(table: sa.FromClause, sort: Sort) -> list[sa.ColumnElement]:
    """The order in SQL. NULL is the smallest value in every database."""
    terms = []
    for name, direction in sort:
        column = table.c[name]
        if column.nullable:
            terms.append(column.is_(None) if direction == "desc" else column.is_not(None))
        terms.append(column.desc() if direction == "desc" else column.asc())
    return terms


def after(table: sa.Table, sort: Sort, marker: Mapping) -> sa.ColumnElement:
    """Behind the marker: greater in the first column, or equal there and greater in the next...

    That the first column is not smaller follows from it, but said aloud it lets the database begin
    to read an index there.
    """
    cases, equal = [], []
    for name, direction in sort:
        column, value = table.c[name], marker[name]
        cases.append(sa.and_(*equal, _beyond(column, direction, value)))
        equal.append(column.is_(None) if value is None else column == value)
    behind = sa.or_(*cases)
    name, direction = sort[0]
    column, value = table.c[name], marker[name]
    if column.nullable or isinstance(column.type, sa.Boolean):
        return behind
    return sa.and_(column <= value if direction == "desc" else column >= value, behind)


def _beyond(column: sa.Column, direction: str, value) -> sa.ColumnElement:
    if isinstance(column.type, sa.Boolean):
        return _beyond_flag(column, direction, value)
    if direction == "asc":
        return column.is_not(None) if value is None else column > value
    if value is None:
        return sa.false()
    return sa.or_(column < value, column.is_(None)) if column.nullable else column < value


def _beyond_flag(column: sa.Column, direction: str, value: bool) -> sa.ColumnElement:
    """False comes before true; SQLAlchemy will not compare flags by ``<``."""
    other = direction == "asc"
    return column.is_(other) if value is not other else sa.false()
