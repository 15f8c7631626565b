"""Usage: the servers that existed in a period."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db import instances as instance_queries
from nova_mini.db.models import instances
from nova_mini.db.session import reader

_SERVER = instances.c
_COLUMNS = (
    _SERVER.uuid,
    _SERVER.project_id,
    _SERVER.display_name,
    _SERVER.flavor,
    _SERVER.vcpus,
    _SERVER.memory_mb,
    _SERVER.root_gb,
    _SERVER.ephemeral_gb,
    _SERVER.vm_state,
    _SERVER.launched_at,
    _SERVER.terminated_at,
)


def get_active(
    start: datetime.datetime,
    end: datetime.datetime,
    project_id: str | None,
    limit: int | None,
    marker: str | None,
) -> list[Mapping]:
    """See ``objects.usage.get_active``. In the order of project and ID. Raises MarkerNotFound."""
    where = [
        _SERVER.launched_at <= end,
        sa.or_(_SERVER.terminated_at.is_(None), _SERVER.terminated_at >= start),
    ]
    if project_id is not None:
        where.append(_SERVER.project_id == project_id)
    if marker is not None:
        last = instance_queries.get_by_uuid(marker, read_deleted=True)
        if last is None:
            raise exception.MarkerNotFound(marker=marker)
        where.append(sa.tuple_(_SERVER.project_id, _SERVER.id) > (last["project_id"], last["id"]))
    statement = (
        sa.select(*_COLUMNS).where(*where).order_by(_SERVER.project_id, _SERVER.id).limit(limit)
    )
    with reader() as connection:
        return list(connection.execute(statement).mappings())
