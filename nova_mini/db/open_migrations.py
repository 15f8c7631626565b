"""Conditions of queries on open migrations: those whose status has not ended."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from nova_mini.db.models import instances, migrations
from nova_mini.states import migration_states

_MIGRATION = migrations.c


def is_open() -> sa.ColumnElement:
    """A condition on a row of ``migrations``."""
    return _MIGRATION.status.not_in(migration_states.ENDED)


def is_at(host: str) -> sa.ColumnElement:
    """A condition on a row of ``migrations``: the host is its source or its destination."""
    return sa.or_(_MIGRATION.source_compute == host, _MIGRATION.dest_compute == host)


def is_between(host: str) -> sa.ColumnElement:
    """A condition on a row of ``instances``: an open migration of the server has this host as its
    source or destination, so the host keeps what it has of the server."""
    return sa.exists().where(_MIGRATION.instance_uuid == instances.c.uuid, is_open(), is_at(host))


class Charged(NamedTuple):
    """Columns: what the quota counts for each row of ``source``, which are the servers."""

    source: sa.FromClause
    vcpus: sa.ColumnElement
    memory_mb: sa.ColumnElement


def charged() -> Charged:
    """Each server with what its quota counts: the larger flavor while a migration is open."""
    of_server = sa.and_(_MIGRATION.instance_uuid == instances.c.uuid, is_open())
    return Charged(
        instances.outerjoin(migrations, of_server),
        sa.func.coalesce(_MIGRATION.vcpus, instances.c.vcpus),
        sa.func.coalesce(_MIGRATION.memory_mb, instances.c.memory_mb),
    )
