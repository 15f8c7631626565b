"""Read-only records of migrations, for the API.

A page of 1000 migrations must cost one query, so these are plain rows and no versioned objects.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nova_mini import db
from nova_mini.objects.migration import LIVE_MIGRATION
from nova_mini.states import migration_states


class MigrationRecord:
    """The columns of a row as attributes, with the names of ``objects.Migration``."""

    if TYPE_CHECKING:  # the columns

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, row: Mapping[str, Any]):
        self.__dict__.update(row)

    @property
    def is_live(self) -> bool:
        return self.migration_type == LIVE_MIGRATION

    @property
    def is_live_in_progress(self) -> bool:
        return self.is_live and self.status in migration_states.LIVE_IN_PROGRESS


def get_page(
    equal: Mapping[str, Any],
    *,
    newest_first: bool = True,
    host: str | None = None,
    limit: int | None = None,
    marker: str | None = None,
    changes_since: datetime.datetime | None = None,
    changes_before: datetime.datetime | None = None,
) -> list[MigrationRecord]:
    """At most ``limit`` migrations: see ``db.server_migrations.get_page``. Raises
    MarkerNotFound."""
    rows = db.server_migrations.get_page(
        equal,
        newest_first=newest_first,
        host=host,
        limit=limit,
        marker=marker,
        changes_since=changes_since,
        changes_before=changes_before,
    )
    return [MigrationRecord(row) for row in rows]


def get_live_in_progress(instance_uuid: str) -> list[MigrationRecord]:
    """The live migrations of a server that are in progress; it has at most one."""
    rows = db.server_migrations.get_of_server(
        instance_uuid, LIVE_MIGRATION, migration_states.LIVE_IN_PROGRESS
    )
    return [MigrationRecord(row) for row in rows]


def get_by_id(instance_uuid: str, migration_id: int) -> MigrationRecord | None:
    """One migration of a server, of any type and status."""
    row = db.server_migrations.get_by_id(instance_uuid, migration_id)
    return None if row is None else MigrationRecord(row)


def get_status(uuid: str) -> str | None:
    """None if there is no such migration any more."""
    row = db.server_migrations.get_by_uuid(uuid)
    return None if row is None else row["status"]
