"""The types of the columns, and what all tables have in common.

Text is compared byte by byte in every database, including trailing blanks. On MariaDB and MySQL the
migration that creates a table must set such a collation (0004 does it for the older tables).

Times are in UTC with microseconds.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class JsonText(sa.types.TypeDecorator):
    """A value that is stored as JSON text. To change it, assign a new value."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.MEDIUMTEXT())
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


Timestamp = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LongText = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
Uuid = sa.String(36)
Name = sa.String(255)


def table(name: str, *columns: sa.schema.SchemaItem, **options: Any) -> sa.Table:
    """A table whose rows have an id and the times of their creation and last change."""
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("updated_at", Timestamp),
        *columns,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        **options,
    )
