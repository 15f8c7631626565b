"""The policies of server groups in the ledger: which claims they forbid.

A claim for a member locks the row of its group until its transaction ends. So there is one such
claim at a time, which sees all earlier ones, and concurrent schedulers cannot break a policy.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from nova_mini import server_groups
from nova_mini.db import instance_groups as groups
from nova_mini.db import query
from nova_mini.db.models import instance_group_members, instance_groups
from nova_mini.db.session import writer

_GROUP = instance_groups.c
_MEMBER = instance_group_members.c


def forbidden(host_of: Mapping[str, str]) -> set[str]:
    """The servers that may not be claimed on their hosts. ``host_of``: server -> host.

    If two servers exclude each other, the first of them is permitted. Earlier allocations of these
    servers do not count, because the claims replace them. Locks the groups; called by claims before
    they lock the row of any host.
    """
    members = query.many(instance_group_members, _MEMBER.instance_uuid.in_(host_of))
    if not members:
        return set()
    locked = _lock({row["group_id"] for row in members})
    hosts = _hosts(locked, host_of)
    group_of = {row["instance_uuid"]: row["group_id"] for row in members}
    refused = set()
    for uuid, host in host_of.items():
        group = locked.get(group_of[uuid]) if uuid in group_of else None
        if group is None:
            continue
        placed = hosts.setdefault(group["id"], {})
        if server_groups.permits(group["policy"], group["rules"], placed, host):
            placed[host] = placed.get(host, 0) + 1
        else:
            refused.add(uuid)
    return refused


def _hosts(locked: Mapping[int, Mapping], host_of: Mapping[str, str]) -> groups.Hosts:
    """Where other members are. Of a large anti-affinity group only the claimed hosts are read."""
    apart = [id_ for id_, row in locked.items() if row["policy"] == server_groups.ANTI_AFFINITY]
    together = locked.keys() - set(apart)
    return {
        **(groups.get_hosts(together, but=host_of) if together else {}),
        **(groups.get_hosts(apart, but=host_of, at=set(host_of.values())) if apart else {}),
    }


def _lock(group_ids: set[int]) -> dict[int, Mapping]:
    """Lock the groups with a hard policy, in the order of their IDs. Return them by ID."""
    statement = (
        sa.select(_GROUP.id, _GROUP.policy, _GROUP.rules)
        .where(_GROUP.id.in_(group_ids), _GROUP.policy.in_(server_groups.HARD))
        .order_by(_GROUP.id)
        .with_for_update()
    )
    with writer() as connection:
        return {row["id"]: row for row in connection.execute(statement).mappings()}


def find_broken() -> list[tuple[Mapping, dict[str, int]]]:
    """(group, host -> how many members are there) of each group whose hard policy is not kept.

    While a member moves, only its destination counts.
    """
    found = []
    for part in query.parts(query.many(instance_groups, _GROUP.policy.in_(server_groups.HARD))):
        hosts = groups.get_allocated_hosts([group["id"] for group in part])
        for group in part:
            placed = hosts.get(group["id"], {})
            if not server_groups.is_kept(group["policy"], group["rules"], placed):
                found.append((group, placed))
    return found
