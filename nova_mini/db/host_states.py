"""The state of the hosts for the scheduler: all hosts at first, then only the changes."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import (
    COMPUTE_TOPIC,
    aggregate_hosts,
    aggregates,
    compute_nodes,
    instance_actions,
    instances,
    services,
)
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
    # As text: thousands of hosts have the same few values, and each value is parsed once.
    sa.type_coerce(_NODE.cpu_info, sa.Text).label("cpu_info"),
    sa.type_coerce(_NODE.supported_instances, sa.Text).label("supported_instances"),
    sa.type_coerce(_NODE.traits, sa.Text).label("traits"),
    _NODE.numa_topology,
)


def get_descriptions(
    reported_since: datetime.datetime | None = None, after_id: int = 0
) -> Sequence[sa.Row]:
    """The full rows of all hosts; with ``reported_since``, of the hosts that have reported since
    then or have an ID greater than ``after_id``."""
    statement = sa.select(*_DESCRIPTION).order_by(_NODE.id)
    if reported_since is not None:
        statement = statement.where(sa.or_(_NODE.updated_at >= reported_since, _NODE.id > after_id))
    with reader() as connection:
        return connection.execute(statement).all()


def get_ledger_since(since: datetime.datetime) -> Sequence[sa.Row]:
    """(id, vcpus_used, memory_mb_used, local_gb_used, running_vms) of the hosts whose ledger has
    changed since then."""
    return _ledger_where(_NODE.ledger_at >= since)


def get_ledger_of(hosts: Collection[str]) -> Sequence[sa.Row]:
    return _ledger_where(_NODE.host.in_(hosts))


def _ledger_where(condition: sa.ColumnElement) -> Sequence[sa.Row]:
    with reader() as connection:
        return connection.execute(sa.select(*_LEDGER).where(condition)).all()


def get_unavailable(down_before: datetime.datetime) -> list[int]:
    """IDs of the nodes without a usable compute service: it is disabled, forced down, not
    available, deleted, or its last heartbeat is older than ``down_before``."""
    usable = sa.and_(
        _SERVICE.disabled == sa.false(),
        _SERVICE.forced_down == sa.false(),
        _SERVICE.available == sa.true(),
        _SERVICE.last_seen_up >= down_before,
    )
    service = sa.and_(_SERVICE.host == _NODE.host, _SERVICE.topic == COMPUTE_TOPIC, usable)
    statement = (
        sa.select(_NODE.id)
        .select_from(compute_nodes.outerjoin(services, service))
        .where(_SERVICE.id.is_(None))
    )
    with reader() as connection:
        return list(connection.execute(statement).scalars())


def get_image(instance_uuid: str) -> str | None:
    with reader() as connection:
        return connection.execute(_IMAGE, {"of_uuid": instance_uuid}).scalar() or None


# Built once, as a filter may run it for every request.
_IMAGE = sa.select(instances.c.image_ref).where(instances.c.uuid == sa.bindparam("of_uuid"))


def count_io_ops(vm_state: str, task_states: Collection[str]) -> dict[str, int]:
    """host -> how many of its servers are in the ``vm_state`` or in one of the ``task_states``.

    Only servers with an unfinished action are read: they are few, and have an index.
    """
    host = sa.func.coalesce(instances.c.host, instance_actions.c.host)
    statement = (
        sa.select(host, sa.func.count(sa.distinct(instances.c.uuid)))
        .select_from(instance_actions)
        .join(instances, instances.c.uuid == instance_actions.c.instance_uuid)
        .where(
            instance_actions.c.finish_time.is_(None),
            host.is_not(None),
            sa.or_(instances.c.vm_state == vm_state, instances.c.task_state.in_(task_states)),
        )
        .group_by(host)
    )
    with reader() as connection:
        return {row[0]: row[1] for row in connection.execute(statement)}


def get_zones() -> dict[str, str]:
    """host -> availability zone, for the hosts in aggregates that have one."""
    zones = {
        row["id"]: row["metadata"]["availability_zone"]
        for row in query.many(aggregates)
        if "availability_zone" in row["metadata"]
    }
    members = aggregate_hosts.select().where(aggregate_hosts.c.aggregate_id.in_(zones))
    with reader() as connection:
        return {row.host: zones[row.aggregate_id] for row in connection.execute(members)}


def get_aggregates() -> list[tuple[dict[str, str], list[str]]]:
    """(metadata, hosts) of each aggregate with metadata and hosts."""
    hosts: dict[int, list[str]] = {}
    with reader() as connection:
        for row in connection.execute(aggregate_hosts.select()):
            hosts.setdefault(row.aggregate_id, []).append(row.host)
    return [
        (row["metadata"], hosts[row["id"]])
        for row in query.many(aggregates, order_by=[aggregates.c.id])
        if row["metadata"] and row["id"] in hosts
    ]


def get_aggregates_version() -> tuple:
    """A value that changes when an aggregate or its hosts change. If it is the same, the aggregates
    need not be read again."""
    changed = sa.func.max(sa.func.coalesce(aggregates.c.updated_at, aggregates.c.created_at))
    members = sa.select(sa.func.count()).select_from(aggregate_hosts).scalar_subquery()
    statement = sa.select(sa.func.count(), sa.func.max(aggregates.c.id), changed, members)
    with reader() as connection:
        return tuple(connection.execute(statement.select_from(aggregates)).one())
