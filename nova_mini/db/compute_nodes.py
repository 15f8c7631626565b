"""The compute nodes. Only ``allocations`` changes ``*_used`` and ``running_vms``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc
from oslo_utils import uuidutils

from nova_mini.db import aggregate_ratios, disk_pools, query
from nova_mini.db.models import compute_nodes
from nova_mini.db.session import reader, writer

_NODE = compute_nodes.c


def report(host: str, values: Mapping[str, Any]) -> dict[str, float]:
    """Write the report of a host; the first report inserts its row. Returns the allocation ratios
    in force: those of its aggregates replace what it reports."""
    with writer():
        if values.get("disk_pool"):
            limit = (values["local_gb"] - values["reserved_gb"]) * values["disk_allocation_ratio"]
            disk_pools.report(values["disk_pool"], limit)
        of_aggregates = aggregate_ratios.of([host]).get(host, {})
        in_force = {**values, **of_aggregates}
        _report(host, {key: in_force[key] for key in values})
    return {key: in_force[key] for key in aggregate_ratios.KEYS if key in values}


def _report(host: str, values: Mapping[str, Any]) -> None:
    if not query.update(compute_nodes, values, _NODE.host == host):
        try:
            query.insert(compute_nodes, {"uuid": uuidutils.generate_uuid(), "host": host, **values})
        except db_exc.DBDuplicateEntry:
            query.update(compute_nodes, values, _NODE.host == host)


def count_build(host: str, failed: bool) -> None:
    """Increase ``failed_builds`` after a failed build, set it to 0 after a successful one."""
    values = {"failed_builds": _NODE.failed_builds + 1 if failed else 0}
    where = [_NODE.host == host] if failed else [_NODE.host == host, _NODE.failed_builds > 0]
    query.update(compute_nodes, values, *where)


def get_by_host(host: str) -> Mapping | None:
    return query.one(compute_nodes, _NODE.host == host)


def get_all() -> list[Mapping]:
    return query.many(compute_nodes, order_by=[_NODE.id])


def get_hosts_with_other_storage(pool: str | None) -> list[str]:
    """The hosts whose disks are not in ``pool``; for None, those whose disks are in any pool."""
    other: sa.ColumnElement[bool] = _NODE.disk_pool.is_not(None)
    if pool is not None:
        other = sa.or_(~other, _NODE.disk_pool != pool)
    with reader() as connection:
        return list(connection.execute(sa.select(_NODE.host).where(other)).scalars())


def destroy(host: str) -> None:
    query.delete(compute_nodes, _NODE.host == host)
