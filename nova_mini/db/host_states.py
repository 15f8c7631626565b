"""What the scheduler reads of the hosts: everything when it starts, afterwards what has changed."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import COMPUTE_TOPIC, aggregate_hosts, aggregates, compute_nodes, services
from nova_mini.db.session import reader

_NODE = compute_nodes.c
_SERVICE = services.c
_LEDGER = (_NODE.id, _NODE.vcpus_used, _NODE.memory_mb_used, _NODE.local_gb_used, _NODE.running_vms)
_DESCRIPTION = (
    *_LEDGER,
    _NODE.host,
    _NODE.hypervisor_hostname,
    _NODE.vcpus,
    _NODE.memory_mb,
    _NODE.local_gb,
    _NODE.reserved_vcpus,
    _NODE.reserved_memory_mb,
    _NODE.reserved_gb,
    _NODE.cpu_allocation_ratio,
    _NODE.ram_allocation_ratio,
    _NODE.disk_allocation_ratio,
    _NODE.disk_pool,
    _NODE.failed_builds,
    _NODE.hypervisor_type,
    _NODE.hypervisor_version,
    # As text: thousands of hosts share a few of them, and each is parsed once.
    sa.type_coerce(_NODE.cpu_info, sa.Text).label("cpu_info"),
    sa.type_coerce(_NODE.supported_instances, sa.Text).label("supported_instances"),
)


def get_descriptions(
    reported_since: datetime.datetime | None = None, after_id: int = 0
) -> Sequence[sa.Row]:
    """All that is known of every host; or of those that reported since, or are newer than an id."""
    statement = sa.select(*_DESCRIPTION).order_by(_NODE.id)
    if reported_since is not None:
        statement = statement.where(sa.or_(_NODE.updated_at >= reported_since, _NODE.id > after_id))
    with reader() as connection:
        return connection.execute(statement).all()


def get_ledger_since(since: datetime.datetime) -> Sequence[sa.Row]:
    """(id, vcpus_used, memory_mb_used, local_gb_used, running_vms) where a claim changed them."""
    return _ledger_where(_NODE.ledger_at >= since)


def get_ledger_of(hosts: Collection[str]) -> Sequence[sa.Row]:
    return _ledger_where(_NODE.host.in_(hosts))


def _ledger_where(condition: sa.ColumnElement) -> Sequence[sa.Row]:
    with reader() as connection:
        return connection.execute(sa.select(*_LEDGER).where(condition)).all()


def get_unavailable(down_before: datetime.datetime) -> list[int]:
    """Ids of the nodes whose compute service is disabled, down, silent since then or gone."""
    well = sa.and_(
        _SERVICE.disabled.is_(False),
        _SERVICE.forced_down.is_(False),
        _SERVICE.available.is_(True),
        _SERVICE.last_seen_up >= down_before,
    )
    service = sa.and_(_SERVICE.host == _NODE.host, _SERVICE.topic == COMPUTE_TOPIC, well)
    statement = (
        sa.select(_NODE.id)
        .select_from(compute_nodes.outerjoin(services, service))
        .where(_SERVICE.id.is_(None))
    )
    with reader() as connection:
        return list(connection.execute(statement).scalars())


def get_zones() -> dict[str, str]:
    """host -> availability zone, for the hosts whose aggregates have one."""
    zones = {
        row["id"]: row["metadata"]["availability_zone"]
        for row in query.many(aggregates)
        if "availability_zone" in row["metadata"]
    }
    members = aggregate_hosts.select().where(aggregate_hosts.c.aggregate_id.in_(zones))
    with reader() as connection:
        return {row.host: zones[row.aggregate_id] for row in connection.execute(members)}


def get_zones_version() -> tuple:
    """Changes when an aggregate or its hosts do, so that the zones need not be read each time."""
    changed = sa.func.max(sa.func.coalesce(aggregates.c.updated_at, aggregates.c.created_at))
    members = sa.select(sa.func.count()).select_from(aggregate_hosts).scalar_subquery()
    statement = sa.select(sa.func.count(), sa.func.max(aggregates.c.id), changed, members)
    with reader() as connection:
        return tuple(connection.execute(statement.select_from(aggregates)).one())
