"""The faults of servers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import instance_faults


def add_fault(values: Mapping[str, Any]) -> dict:
    return query.insert(instance_faults, values)


def get_latest_faults(uuids: Collection[str]) -> dict[str, Mapping]:
    """uuid -> newest fault, for the servers that have any; one query."""
    newest = (
        sa.select(sa.func.max(instance_faults.c.id))
        .where(instance_faults.c.instance_uuid.in_(uuids))
        .group_by(instance_faults.c.instance_uuid)
    )
    rows = query.many(instance_faults, instance_faults.c.id.in_(newest))
    return {row["instance_uuid"]: row for row in rows}
