"""The servers that a host has a part of: those that are on it, and those that move from it or to
it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import instances, migrations
from nova_mini.db.open_migrations import is_at, is_open
from nova_mini.db.session import reader

_SERVER, _MIGRATION = instances.c, migrations.c


def get(host: str) -> list[Any]:
    """Rows with the columns below, in the order of the creation of the servers. Those of the
    migration are None if none is open."""
    of_server = sa.and_(_MIGRATION.instance_uuid == _SERVER.uuid, is_open())
    statement = (
        sa.select(
            _SERVER.uuid,
            _SERVER.display_name,
            _SERVER.project_id,
            _SERVER.host,
            _SERVER.vm_state,
            _SERVER.task_state,
            _MIGRATION.migration_type,
            _MIGRATION.status.label("migration_status"),
            _MIGRATION.source_compute,
            _MIGRATION.dest_compute,
            _MIGRATION.user_id.label("moved_by"),
        )
        .select_from(instances.outerjoin(migrations, of_server))
        .where(
            _SERVER.deleted.is_(False),
            sa.or_(_SERVER.host == host, sa.and_(_MIGRATION.id.is_not(None), is_at(host))),
        )
        .order_by(_SERVER.id)
    )
    with reader() as connection:
        return list(connection.execute(statement))


def hosts_of(instance_uuids: Collection[str]) -> dict[str, str | None]:
    """{uuid: its host}, without servers that are deleted."""
    found: dict[str, str | None] = {}
    with reader() as connection:
        for some in query.parts(instance_uuids):
            statement = sa.select(_SERVER.uuid, _SERVER.host).where(
                _SERVER.uuid.in_(some), _SERVER.deleted.is_(False)
            )
            found.update((row.uuid, row.host) for row in connection.execute(statement))
    return found
