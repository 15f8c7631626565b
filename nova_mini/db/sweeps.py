"""What a crash at a bad moment may have left in the records: how it is found, how it is mended.

Every transaction of ours keeps these sums true by itself: whatever is found here is worth a
warning. The conductors mend it on their rounds (``conductor.reconcile``), an operator who does not
want to wait with ``nova-mini-manage doctor``. To find is one query; to mend changes only what is
still as it was found, so that nothing under way is touched.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from nova_mini.db import allocations, instances, query, recoveries, request_specs
from nova_mini.db import models as m
from nova_mini.db.session import reader, writer

Row = Mapping
_LEDGER = ("vcpus_used", "memory_mb_used", "local_gb_used", "running_vms")
_USAGE = ("instances", "cores", "ram")


class Sweep(NamedTuple):
    """``find(before)``: what is wrong and has been since before then; ``mend(rows, at)``: put right
    those of them that still are, and return how many. ``at``: the host of who mends."""

    what: str
    find: Callable[[datetime.datetime], list[Row]]
    mend: Callable[[Sequence[Row], str], int]


# -- allocations of servers that are on no host --------------------------------------------------


def find_orphaned_allocations(before: datetime.datetime) -> list[Row]:
    """What servers hold that are deleted, unknown or, with nobody at work on them, on no host; rows
    of ``allocations``."""
    return query.many(m.allocations, m.allocations.c.created_at < before, ~_has_use())


def _has_use() -> sa.ColumnElement:
    """Of a row of ``allocations``: whether its server is on a host, or about to be."""
    server = m.instances.c
    return sa.exists().where(
        server.uuid == m.allocations.c.consumer_uuid,
        server.deleted.is_(False),
        sa.or_(server.host.is_not(None), instances.has_unfinished()),
    )


def release_allocations(rows: Sequence[Row], _at: str) -> int:
    count = 0
    for row in rows:
        with writer():
            if query.one(m.allocations, m.allocations.c.id == row["id"], ~_has_use()):
                allocations.release(row["consumer_uuid"])
                count += 1
    return count


# -- records of servers that are gone ------------------------------------------------------------


def find_orphaned_records(before: datetime.datetime) -> list[Row]:
    """Deleted or unknown servers of which something is still recorded beside them: uuid."""
    spec, disk = m.request_specs.c, m.block_device_mapping.c
    owners = sa.union(
        sa.select(spec.instance_uuid.label("uuid")).where(spec.created_at < before),
        sa.select(disk.instance_uuid).where(disk.created_at < before),
        sa.select(m.tags.c.resource_id),
    ).subquery()
    alive = sa.exists().where(m.instances.c.uuid == owners.c.uuid, m.instances.c.deleted.is_(False))
    with reader() as connection:
        return list(connection.execute(sa.select(owners.c.uuid).where(~alive)).mappings())


def delete_records(rows: Sequence[Row], _at: str) -> int:
    for uuids in query.parts(row["uuid"] for row in rows):
        with writer():
            query.delete(m.request_specs, m.request_specs.c.instance_uuid.in_(uuids))
            query.delete(m.block_device_mapping, m.block_device_mapping.c.instance_uuid.in_(uuids))
            query.delete(m.tags, m.tags.c.resource_id.in_(uuids))
    return len(rows)


# -- servers without an allocation ---------------------------------------------------------------


def find_missing_allocations(before: datetime.datetime) -> list[Row]:
    """Servers on a host that hold nothing there, and nobody is at work on them: uuid, host,
    ``held_on`` (another host, or None), updated_at."""
    server, held = m.instances.c, m.allocations.c
    statement = (
        sa.select(server.uuid, server.host, held.host.label("held_on"), server.updated_at)
        .select_from(m.instances.outerjoin(m.allocations, held.consumer_uuid == server.uuid))
        .where(
            server.deleted.is_(False),
            server.host.is_not(None),
            server.updated_at < before,
            sa.or_(held.host.is_(None), held.host != server.host),
            ~instances.has_unfinished(),
        )
    )
    with reader() as connection:
        return list(connection.execute(statement).mappings())


def claim_allocations(rows: Sequence[Row], _at: str) -> int:
    """What they were scheduled with; the host has them, whether it has room or not."""
    specs = request_specs.get([row["uuid"] for row in rows])
    count = 0
    for row in rows:
        spec = specs.get(row["uuid"])
        still = (
            m.instances.c.uuid == row["uuid"],
            m.instances.c.host == row["host"],
            m.instances.c.deleted.is_(False),
        )
        with writer():
            if spec and query.one(m.instances, *still, ~instances.has_unfinished()):
                asked = {name: spec[name] for name in ("vcpus", "memory_mb", "local_gb")}
                count += allocations.claim(row["uuid"], row["host"], asked, force=True)
    return count


# -- ledgers -------------------------------------------------------------------------------------


def find_wrong_ledgers(before: datetime.datetime) -> list[Row]:
    """Hosts whose ledger is not the sum of their allocations: host, id, each used amount, and as
    ``due_...`` what it should be. One statement, so it sees no claim by half."""
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
    """As they are now; a claim in between wins, and the next look finds what is still wrong."""
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
    """Projects whose usage is not the sum of their living servers; rows as of ledgers."""
    usage, sums = m.project_usages.c, _usage_sums().subquery()
    return _differing(
        [usage.project_id],
        [(usage[name], sums.c[name]) for name in _USAGE],
        m.project_usages.outerjoin(sums, sums.c.project_id == usage.project_id),
    )


def correct_usages(rows: Sequence[Row], _at: str) -> int:
    """Locked before the sum is read: who makes or deletes a server waits for us from there."""
    usage = m.project_usages.c
    for row in rows:
        own = usage.project_id == row["project_id"]
        with writer() as connection:
            connection.execute(m.project_usages.select().where(own).with_for_update())
            sums = _usage_sums().where(m.instances.c.project_id == row["project_id"])
            due = connection.execute(sums).mappings().first()
            wanted = {name: int(due[name]) if due else 0 for name in _USAGE}
            connection.execute(m.project_usages.update().where(own).values(wanted))
    return len(rows)


def _usage_sums() -> sa.Select:
    server = m.instances.c
    return (
        sa.select(
            server.project_id,
            sa.func.count().label("instances"),
            sa.func.sum(server.vcpus).label("cores"),
            sa.func.sum(server.memory_mb).label("ram"),
        )
        .where(server.deleted.is_(False))
        .group_by(server.project_id)
    )


def _differing(
    keys: list[sa.Column], amounts: list[tuple[sa.Column, sa.ColumnElement]], joined
) -> list[Row]:
    """The rows of a join in which some amount is not what it is due to be (nothing: 0)."""
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
    # A sum is a Decimal on some databases.
    return [
        {key: int(value) if key.startswith("due_") else value for key, value in row.items()}
        for row in rows
    ]


# -- tasks ---------------------------------------------------------------------------------------


def find_stranded_tasks(before: datetime.datetime) -> list[Row]:
    """Servers whose task_state nobody will ever end; rows of ``instances``."""
    return instances.get_stranded(before)


def end_tasks(rows: Sequence[Row], at: str) -> int:
    """Back to what the servers are; one that was never built is broken."""
    return sum(_end_task(row, at) for row in rows)


def _end_task(row: Row, at: str) -> int:
    values = {"task_state": None}
    if row["vm_state"] == "building":
        values["vm_state"] = "error"
    server = m.instances.c
    with writer():
        ended = query.update(
            m.instances,
            values,
            server.id == row["id"],
            server.task_state == row["task_state"],
            ~instances.has_unfinished(),
        )
        if ended:
            recoveries.record_for_server(
                row["uuid"], recoveries.TASK_ENDED, at,
                f"The task {row['task_state']} was set, and nobody was at it.",
            )  # fmt: skip
    return ended


ORPHANED_ALLOCATIONS = Sweep(
    "allocations of servers that are on no host", find_orphaned_allocations, release_allocations
)
MISSING_ALLOCATIONS = Sweep(
    "servers that held nothing on their host", find_missing_allocations, claim_allocations
)
ORPHANED_RECORDS = Sweep(
    "servers that are gone and had records", find_orphaned_records, delete_records
)
LEDGERS = Sweep(
    "hosts whose ledger was not the sum of its allocations", find_wrong_ledgers, correct_ledgers
)
USAGES = Sweep(
    "projects whose usage was not the sum of its servers", find_wrong_usages, correct_usages
)
STRANDED_TASKS = Sweep("servers with a task that nobody does", find_stranded_tasks, end_tasks)
# In the order in which they are made: what allocations there are is in the ledgers.
ALL = (
    ORPHANED_ALLOCATIONS,
    MISSING_ALLOCATIONS,
    LEDGERS,
    USAGES,
    STRANDED_TASKS,
    ORPHANED_RECORDS,
)
