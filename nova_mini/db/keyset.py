"""Keyset pagination: a page starts after the last row of the previous page.

Every page costs the same, and rows that are inserted or deleted between two pages do not shift the
others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

#: (column, "asc" or "desc"), by priority. The last column must be unique.
Sort = Sequence[tuple[str, str]]


def order_by(table: sa.FromClause, sort: Sort) -> list[sa.ColumnElement]:
    """The ORDER BY terms. NULL sorts as the smallest value in every database."""
    terms: list[sa.ColumnElement] = []
    for name, direction in sort:
        column = table.c[name]
        if column.nullable:
            terms.append(column.is_(None) if direction == "desc" else column.is_not(None))
        terms.append(column.desc() if direction == "desc" else column.asc())
    return terms


def after(table: sa.Table, sort: Sort, marker: Mapping) -> sa.ColumnElement:
    """The condition for rows after the marker: greater in the first column, or equal in it and
    greater in the second, and so on.

    A redundant condition on the first column lets the database use an index.
    """
    cases: list[sa.ColumnElement] = []
    equal: list[sa.ColumnElement] = []
    for name, direction in sort:
        column, value = table.c[name], marker[name]
        cases.append(sa.and_(*equal, _beyond(column, direction, value)))
        equal.append(column.is_(None) if value is None else column == value)
    condition = sa.or_(*cases)
    name, direction = sort[0]
    column, value = table.c[name], marker[name]
    if column.nullable or isinstance(column.type, sa.Boolean):
        return condition
    return sa.and_(column <= value if direction == "desc" else column >= value, condition)


def _beyond(column: sa.Column, direction: str, value) -> sa.ColumnElement:
    if isinstance(column.type, sa.Boolean):
        return _beyond_flag(column, direction, value)
    if direction == "asc":
        return column.is_not(None) if value is None else column > value
    if value is None:
        return sa.false()
    return sa.or_(column < value, column.is_(None)) if column.nullable else column < value


def _beyond_flag(column: sa.Column, direction: str, value: bool) -> sa.ColumnElement:
    """False sorts before True. SQLAlchemy cannot compare booleans by ``<``."""
    other = direction == "asc"
    return column.is_(other) if value is not other else sa.false()
