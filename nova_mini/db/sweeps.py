"""Corrections of what a crash at a bad moment may have left; each is a few set-based queries.

Every transaction of ours keeps these sums true by itself: a correction here is worth a warning.
``before``: only what has not changed since then, so that nothing under way is touched.
"""

from __future__ import annotations

import datetime

import sqlalchemy as sa

from nova_mini.db import actions, allocations, query
from nova_mini.db import models as m
from nova_mini.db.session import writer


def orphaned_allocations(before: datetime.datetime) -> int:
    """Give back what deleted or unknown servers hold."""
    alive = sa.exists().where(
        m.instances.c.uuid == m.allocations.c.consumer_uuid, m.instances.c.deleted.is_(False)
    )
    rows = query.many(m.allocations, m.allocations.c.created_at < before, ~alive)
    for row in rows:
        allocations.release(row["consumer_uuid"])
    return len(rows)


def ledgers(before: datetime.datetime) -> int:
    """Make every host's ledger the sum of its allocations."""
    count = 0
    with writer():
        # Read before the sums: a claim that comes between them has changed the host's row by then.
        nodes = query.many(m.compute_nodes, m.compute_nodes.c.updated_at < before)
        sums = allocations.sums_by_host()
        for node in nodes:
            due = sums.get(node["host"], {})
            wanted = {
                "vcpus_used": int(due.get("vcpus", 0)),
                "memory_mb_used": int(due.get("memory_mb", 0)),
                "local_gb_used": int(due.get("local_gb", 0)),
                "running_vms": int(due.get("running_vms", 0)),
            }
            found = {name: node[name] for name in wanted}
            if found != wanted:
                # Only if it is still what we read: a claim in between wins.
                same = [m.compute_nodes.c[name] == value for name, value in found.items()]
                count += query.update(
                    m.compute_nodes, wanted, m.compute_nodes.c.id == node["id"], *same
                )
    return count


def usages(before: datetime.datetime) -> int:
    """Make every project's usage the sum of its living servers."""
    inst = m.instances.c
    sums = (
        sa.select(
            inst.project_id,
            sa.func.count().label("instances"),
            sa.func.sum(inst.vcpus).label("cores"),
            sa.func.sum(inst.memory_mb).label("ram"),
        )
        .where(inst.deleted.is_(False))
        .group_by(inst.project_id)
    )
    count = 0
    with writer() as connection:
        # Locked before the sum is read: who makes or deletes a server waits for us from here.
        rows = connection.execute(m.project_usages.select().with_for_update()).mappings().all()
        due = {row["project_id"]: row for row in connection.execute(sums).mappings()}
        for row in rows:
            names = ("instances", "cores", "ram")
            wanted = {n: int(due[row["project_id"]][n]) if row["project_id"] in due else 0
                      for n in names}  # fmt: skip
            if any(row[name] != wanted[name] for name in names):
                where = m.project_usages.c.project_id == row["project_id"]
                connection.execute(m.project_usages.update().where(where).values(wanted))
                count += 1
    return count


def stranded_tasks(before: datetime.datetime) -> int:
    """Servers whose task_state nobody will ever end: back to what they are."""
    rows = [row for row in actions.stranded_instances() if row["updated_at"] < before]
    for row in rows:
        values = {"task_state": None}
        if row["vm_state"] == "building":
            values["vm_state"] = "error"
        query.update(
            m.instances,
            values,
            m.instances.c.id == row["id"],
            m.instances.c.task_state == row["task_state"],
        )
    return len(rows)
