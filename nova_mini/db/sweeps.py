"""Sweeps: find and repair inconsistent records.

Each transaction keeps the records consistent, so every finding is logged as a warning. A periodic
task of the conductors repairs the findings, or an operator with ``nova-mini-manage doctor --fix``.
A search is one query. A repair changes only rows that are still as they were found, so it does not
interfere with running operations.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from nova_mini.db import (
    allocations,
    instance_groups,
    instance_updates,
    instances,
    open_migrations,
    query,
    recoveries,
    request_specs,
    server_migrations,
)
from nova_mini.db import models as m
from nova_mini.db.session import reader, writer
from nova_mini.numa.request import own_cpus
from nova_mini.resource_amounts import ResourceAmounts
from nova_mini.states import migration_states, vm_states

Row = Mapping
_LEDGER = ("vcpus_used", "memory_mb_used", "local_gb_used", "running_vms")
_USAGE = ("instances", "cores", "ram")


class Sweep(NamedTuple):
    """``description``: for the log. ``find(before)``: find the inconsistencies that are
    older than ``before``. ``repair(rows, at)``: repair those that still exist, and return how many;
    ``at`` is the host of the process that repairs."""

    description: str
    find: Callable[[datetime.datetime], list[Row]]
    repair: Callable[[Sequence[Row], str], int]


# -- allocations of servers that are on no host --------------------------------------------------


def find_orphaned_allocations(before: datetime.datetime) -> list[Row]:
    """The allocations of servers that are deleted or unknown, or that are on no host and have no
    unfinished action. Rows of ``allocations``."""
    return query.many(m.allocations, m.allocations.c.created_at < before, ~_has_use())


def _has_use() -> sa.ColumnElement:
    """A condition on a row of ``allocations``: its server is on a host, or has an unfinished
    action; or its consumer is an open migration."""
    server = m.instances.c
    of_server = sa.exists().where(
        server.uuid == m.allocations.c.consumer_uuid,
        server.deleted == sa.false(),
        sa.or_(server.host.is_not(None), instances.has_unfinished()),
    )
    of_migration = sa.exists().where(
        m.migrations.c.uuid == m.allocations.c.consumer_uuid, open_migrations.is_open()
    )
    return sa.or_(of_server, of_migration)


def release_allocations(rows: Sequence[Row], _at: str) -> int:
    count = 0
    for row in rows:
        with writer():
            if query.one(m.allocations, m.allocations.c.id == row["id"], ~_has_use()):
                allocations.release(row["consumer_uuid"])
                count += 1
    return count


# -- records of deleted servers ------------------------------------------------------------------


def find_orphaned_records(before: datetime.datetime) -> list[Row]:
    """uuid of each deleted or unknown server that still has a request spec, disks, tags or a server
    group."""
    spec, disk, member = m.request_specs.c, m.block_device_mapping.c, m.instance_group_members.c
    owners = sa.union(
        sa.select(spec.instance_uuid.label("uuid")).where(spec.created_at < before),
        sa.select(disk.instance_uuid).where(disk.created_at < before),
        sa.select(member.instance_uuid).where(member.created_at < before),
        sa.select(m.tags.c.resource_id),
    ).subquery()
    exists = sa.exists().where(
        m.instances.c.uuid == owners.c.uuid, m.instances.c.deleted == sa.false()
    )
    with reader() as connection:
        return list(connection.execute(sa.select(owners.c.uuid).where(~exists)).mappings())


def delete_records(rows: Sequence[Row], _at: str) -> int:
    for uuids in query.parts(row["uuid"] for row in rows):
        with writer():
            query.delete(m.request_specs, m.request_specs.c.instance_uuid.in_(uuids))
            query.delete(m.block_device_mapping, m.block_device_mapping.c.instance_uuid.in_(uuids))
            query.delete(m.tags, m.tags.c.resource_id.in_(uuids))
            instance_groups.remove_members(uuids)
    return len(rows)


# -- servers without an allocation ---------------------------------------------------------------


def find_missing_allocations(before: datetime.datetime) -> list[Row]:
    """The servers on a host that have no allocation there, and no unfinished action.

    Columns: uuid, host, ``held_on`` (the host of their allocation, or None), updated_at.
    """
    server, held = m.instances.c, m.allocations.c
    statement = (
        sa.select(server.uuid, server.host, held.host.label("held_on"), server.updated_at)
        .select_from(m.instances.outerjoin(m.allocations, held.consumer_uuid == server.uuid))
        .where(
            server.deleted == sa.false(),
            server.host.is_not(None),
            server.updated_at < before,
            sa.or_(held.host.is_(None), held.host != server.host),
            ~instances.has_unfinished(),
        )
    )
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def claim_allocations(rows: Sequence[Row], _at: str) -> int:
    """Claim what the request specs say, with force, because the servers are on the hosts
    already."""
    specs = request_specs.get([row["uuid"] for row in rows])
    count = 0
    for row in rows:
        spec = specs.get(row["uuid"])
        unchanged = (
            m.instances.c.uuid == row["uuid"],
            m.instances.c.host == row["host"],
            m.instances.c.deleted == sa.false(),
        )
        with writer():
            if spec and query.one(m.instances, *unchanged, ~instances.has_unfinished()):
                requested = _amounts(spec)
                count += allocations.claim(row["uuid"], row["host"], requested, force=True)
    return count


def _amounts(spec: Mapping) -> ResourceAmounts:
    """What a server with this request spec holds, as ``RequestSpec.resources``."""
    options = (spec.get("extra_specs") or {}, spec.get("image_properties") or {})
    shared, _own = own_cpus(*options, spec["vcpus"])
    return {"vcpus": shared, "memory_mb": spec["memory_mb"], "local_gb": spec["local_gb"]}


# -- ledgers -------------------------------------------------------------------------------------


def find_wrong_ledgers(before: datetime.datetime) -> list[Row]:
    """The hosts whose ledger is not the sum of their allocations.

    Columns: host, id, each used amount, and the correct amount as ``due_...``. It is one statement,
    so it never sees a part of a claim.
    """
    held = m.allocations.c
    sums = (
        sa.select(
            held.host,
            sa.func.sum(held.vcpus).label("vcpus_used"),
            sa.func.sum(held.memory_mb).label("memory_mb_used"),
            sa.func.sum(held.local_gb).label("local_gb_used"),
            sa.func.count().label("running_vms"),
        )
        .group_by(held.host)
        .subquery()
    )
    node = m.compute_nodes.c
    return _differing(
        [node.id, node.host],
        [(node[name], sums.c[name]) for name in _LEDGER],
        m.compute_nodes.outerjoin(sums, sums.c.host == node.host),
    )


def correct_ledgers(rows: Sequence[Row], _at: str) -> int:
    """Write the current sums. A ledger that a concurrent claim changes is left for the next
    sweep."""
    hosts = {row["host"] for row in rows}
    node = m.compute_nodes.c
    return sum(
        query.update(
            m.compute_nodes,
            {name: row[f"due_{name}"] for name in _LEDGER} | {"ledger_at": query.now()},
            node.id == row["id"],
            *(node[name] == row[name] for name in _LEDGER),
        )
        for row in find_wrong_ledgers(before=query.now())
        if row["host"] in hosts
    )


# -- usages --------------------------------------------------------------------------------------


def find_wrong_usages(_before: datetime.datetime) -> list[Row]:
    """The projects whose usage is not the sum of their servers. Columns as of
    :func:`find_wrong_ledgers`, with project_id."""
    usage, sums = m.project_usages.c, _usage_sums().subquery()
    return _differing(
        [usage.project_id],
        [(usage[name], sums.c[name]) for name in _USAGE],
        m.project_usages.outerjoin(sums, sums.c.project_id == usage.project_id),
    )


def correct_usages(rows: Sequence[Row], _at: str) -> int:
    """Write the sums. Each row is locked before its sum is read, so that requests that create or
    delete servers wait."""
    usage = m.project_usages.c
    for row in rows:
        own = usage.project_id == row["project_id"]
        with writer() as connection:
            connection.execute(m.project_usages.select().where(own).with_for_update())
            sums = _usage_sums().where(m.instances.c.project_id == row["project_id"])
            due = connection.execute(sums).mappings().first()
            values = {name: int(due[name]) if due else 0 for name in _USAGE}
            connection.execute(m.project_usages.update().where(own).values(values))
    return len(rows)


def _usage_sums() -> sa.Select:
    server, charged = m.instances.c, open_migrations.charged()
    return (
        sa.select(
            server.project_id,
            sa.func.count().label("instances"),
            sa.func.sum(charged.vcpus).label("cores"),
            sa.func.sum(charged.memory_mb).label("ram"),
        )
        .select_from(charged.source)
        .where(server.deleted == sa.false(), server.vm_state != vm_states.SOFT_DELETED)
        .group_by(server.project_id)
    )


def _differing(
    keys: list[sa.Column], amounts: list[tuple[sa.Column, sa.ColumnElement]], joined
) -> list[Row]:
    """The rows of a join in which an amount differs from the correct one (NULL counts as 0).

    ``amounts``: pairs of the stored and the correct amount.
    """
    pairs = [(amount, sa.func.coalesce(due, 0)) for amount, due in amounts]
    statement = (
        sa.select(
            *keys,
            *(amount for amount, _ in pairs),
            *(due.label(f"due_{amount.name}") for amount, due in pairs),
        )
        .select_from(joined)
        .where(sa.or_(*(amount != due for amount, due in pairs)))
    )
    with reader() as connection:
        rows = connection.execute(statement).mappings().all()
    # Some databases return sums as Decimal.
    return [
        {key: int(value) if key.startswith("due_") else value for key, value in row.items()}
        for row in rows
    ]


# -- tasks ---------------------------------------------------------------------------------------


def find_stranded_tasks(before: datetime.datetime) -> list[Row]:
    """The servers with a task_state that no action will reset. Rows of ``instances``."""
    return instances.get_stranded(before)


def end_tasks(rows: Sequence[Row], at: str) -> int:
    """Reset the task_state. A server in vm_state building goes to ERROR."""
    return sum(_end_task(row, at) for row in rows)


def _end_task(row: Row, at: str) -> int:
    values: dict[str, str | None] = {"task_state": None}
    if row["vm_state"] == "building":
        values["vm_state"] = "error"
    server = m.instances.c
    with writer():
        ended = query.update(
            m.instances,
            {**values, **instance_updates.NEXT_REVISION},
            server.id == row["id"],
            server.task_state == row["task_state"],
            ~instances.has_unfinished(),
        )
        if ended:
            recoveries.record_for_server(
                row["uuid"],
                recoveries.TASK_ENDED,
                at,
                f"The task_state {row['task_state']} was reset: no action was in progress.",
            )
    return ended


# -- migrations ----------------------------------------------------------------------------------


def find_stranded_migrations(before: datetime.datetime) -> list[Row]:
    """The open migrations that no action will end, and that do not wait for a user.

    Columns: uuid, status, migration_type, updated_at, dest_compute, source_compute, and of the
    server ``instance_uuid``, ``vm_state`` and ``host``.
    """
    migration, server = m.migrations.c, m.instances.c
    waits = sa.and_(migration.status == migration_states.FINISHED, server.vm_state == "resized")
    statement = (
        sa.select(
            migration.uuid,
            migration.status,
            migration.migration_type,
            migration.updated_at,
            migration.source_compute,
            migration.dest_compute,
            migration.instance_uuid,
            server.vm_state,
            server.host,
        )
        .select_from(m.migrations.join(m.instances, server.uuid == migration.instance_uuid))
        .where(
            open_migrations.is_open(),
            sa.func.coalesce(migration.updated_at, migration.created_at) < before,
            ~instances.has_unfinished(),
            ~waits,
        )
    )
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def end_migrations(rows: Sequence[Row], _at: str) -> int:
    """End the migrations where their servers are now. A resized server waits for its user again."""
    still = {row["uuid"]: row for row in find_stranded_migrations(query.now())}
    found = [still[row["uuid"]] for row in rows if row["uuid"] in still]
    for row in found:
        server_migrations.update(row["uuid"], {"status": _status_of_stranded(row)})
    return len(found)


def _status_of_stranded(row: Row) -> str:
    if row["vm_state"] == "resized":
        return migration_states.FINISHED
    has_moved = row["host"] == row["dest_compute"] != row["source_compute"]
    if not has_moved:
        return migration_states.ERROR
    return _MOVED.get(row["migration_type"], migration_states.CONFIRMED)


# The last status of a migration of this type whose server is at its destination.
_MOVED = {
    "live-migration": migration_states.COMPLETED,
    "evacuation": migration_states.DONE,
}


ORPHANED_ALLOCATIONS = Sweep(
    "allocations of servers that are on no host", find_orphaned_allocations, release_allocations
)
MISSING_ALLOCATIONS = Sweep(
    "servers without an allocation on their host", find_missing_allocations, claim_allocations
)
ORPHANED_RECORDS = Sweep(
    "records of servers that do not exist", find_orphaned_records, delete_records
)
LEDGERS = Sweep(
    "hosts whose ledger was not the sum of its allocations", find_wrong_ledgers, correct_ledgers
)
USAGES = Sweep(
    "projects whose usage was not the sum of its servers", find_wrong_usages, correct_usages
)
STRANDED_TASKS = Sweep(
    "servers with a task_state and no unfinished action", find_stranded_tasks, end_tasks
)
STRANDED_MIGRATIONS = Sweep(
    "migrations that no action would end", find_stranded_migrations, end_migrations
)
# In this order: the allocations depend on the migrations, the ledgers on the allocations.
ALL = (
    STRANDED_MIGRATIONS,
    ORPHANED_ALLOCATIONS,
    MISSING_ALLOCATIONS,
    LEDGERS,
    USAGES,
    STRANDED_TASKS,
    ORPHANED_RECORDS,
)
