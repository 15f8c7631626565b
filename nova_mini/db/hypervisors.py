"""Queries of the hypervisors API: pages, sums, and the servers on hypervisors."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db import query
from nova_mini.db.models import compute_nodes, instances, request_specs, services
from nova_mini.db.session import reader

_NODE = compute_nodes.c
_SUMMED = (
    "vcpus",
    "memory_mb",
    "local_gb",
    "vcpus_used",
    "memory_mb_used",
    "local_gb_used",
    "reserved_memory_mb",
    "reserved_gb",
    "running_vms",
    "disk_available_least",
)
_SHARED = ("local_gb", "reserved_gb", "disk_available_least")


def get_page(
    *,
    name_part: str | None = None,
    limit: int | None = None,
    marker: str | int | None = None,
) -> list[Mapping]:
    """One page of compute nodes in the order of IDs, after ``marker`` (an ID or a UUID).

    ``name_part``: only nodes whose hypervisor_hostname contains it. Raises MarkerNotFound.
    """
    statement = compute_nodes.select().order_by(_NODE.id).limit(limit)
    if name_part is not None:
        statement = statement.where(_NODE.hypervisor_hostname.icontains(name_part, autoescape=True))
    if marker is not None:
        last = get(marker)
        if last is None:
            raise exception.MarkerNotFound(marker=marker)
        statement = statement.where(_NODE.id > last["id"])
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def get(key: str | int) -> Mapping | None:
    """By ID (int) or UUID (str)."""
    return query.one(compute_nodes, (_NODE.id if isinstance(key, int) else _NODE.uuid) == key)


def get_servers(hosts: Collection[str]) -> dict[str, list[tuple[int, str]]]:
    """host -> [(id, uuid)] of its servers, without deleted ones; one query."""
    found: dict[str, list[tuple[int, str]]] = {}
    statement = (
        sa.select(instances.c.host, instances.c.id, instances.c.uuid)
        .where(instances.c.host.in_(hosts), instances.c.deleted == sa.false())
        .order_by(instances.c.id)
    )
    with reader() as connection:
        for host, server_id, uuid in connection.execute(statement):
            found.setdefault(host, []).append((server_id, uuid))
    return found


def get_usage_by_project(host: str) -> dict[str, tuple[int, int, int]]:
    """project -> (vCPUs, MiB of memory, GiB of disk) of the flavors of its servers on a host."""
    server = instances.c
    statement = (
        sa.select(
            server.project_id,
            sa.func.sum(server.vcpus),
            sa.func.sum(server.memory_mb),
            sa.func.sum(server.root_gb + server.ephemeral_gb),
        )
        .where(server.host == host, server.deleted == sa.false())
        .group_by(server.project_id)
        .order_by(server.project_id)
    )
    with reader() as connection:
        return {
            project: (int(vcpus), int(memory_mb), int(disk_gb))
            for project, vcpus, memory_mb, disk_gb in connection.execute(statement)
        }


def hosts_with_servers(hosts: Collection[str]) -> set[str]:
    """Those of ``hosts`` that have servers, not counting deleted ones."""
    statement = (
        sa.select(instances.c.host)
        .where(instances.c.host.in_(hosts), instances.c.deleted == sa.false())
        .distinct()
    )
    with reader() as connection:
        return set(connection.execute(statement).scalars())


def get_requested_zones(host: str) -> set[str]:
    """The availability zones that were requested for the servers on a host."""
    statement = sa.select(request_specs.c.spec).where(
        request_specs.c.instance_uuid == instances.c.uuid,
        instances.c.host == host,
        instances.c.deleted == sa.false(),
    )
    with reader() as connection:
        specs = connection.execute(statement).scalars()
        return {spec["availability_zone"] for spec in specs if spec.get("availability_zone")}


def get_sums(topic: str) -> dict[str, int]:
    """``count`` and the sums of ``_SUMMED`` over the nodes whose service is enabled. Storage that
    several nodes share is counted once."""
    enabled = sa.exists().where(
        services.c.host == _NODE.host,
        services.c.topic == topic,
        services.c.disabled == sa.false(),
    )
    amounts = [
        (sa.func.max if name in _SHARED else sa.func.sum)(_NODE[name]).label(name)
        for name in _SUMMED
    ]
    of_pools = (
        sa.select(sa.func.count().label("count"), *amounts)
        .where(enabled)
        .group_by(sa.func.coalesce(_NODE.disk_pool, _NODE.uuid))
        .subquery()
    )
    names = ("count", *_SUMMED)
    sums = [sa.func.coalesce(sa.func.sum(of_pools.c[name]), 0).label(name) for name in names]
    statement = sa.select(*sums)
    with reader() as connection:
        found = connection.execute(statement).mappings().one()
    return {name: int(value) for name, value in found.items()}
