"""Disk pools: storage that several hosts share, such as a pool of Ceph.

Each host reports the name of the pool, and the size of the whole pool as its own disk. The ledger
of each host contains what its own servers have claimed. A claim locks the row of the pool, so that
there is one claim at a time, and checks that the sum over all hosts of the pool is within the
limit. No sum is stored, so a release needs no lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini.db import query
from nova_mini.db.models import compute_nodes, disk_pools
from nova_mini.db.session import writer
from nova_mini.resource_amounts import ResourceAmounts

_NODE = compute_nodes.c
_POOL = disk_pools.c


def report(name: str, limit_gb: float) -> None:
    """Set how much (GiB) all hosts of the pool together may claim, as reported by one of them.

    It is written only when it changes, because claims lock the row.
    """
    known = query.one(disk_pools, _POOL.name == name)
    if known is None:
        try:
            query.insert(disk_pools, {"name": name, "limit_gb": limit_gb})
        except db_exc.DBDuplicateEntry:
            known = {"limit_gb": None}
    if known is not None and known["limit_gb"] != limit_gb:
        query.update(disk_pools, {"limit_gb": limit_gb}, _POOL.name == name)


class Locked:
    """The pools of some hosts, locked until the transaction ends, with their free space (GiB)."""

    def __init__(self, pool_of_host: Mapping[str, str], free: Mapping[str, float]):
        self._pool_of_host = pool_of_host
        self._free = dict(free)

    def have_room(self, hosts: Sequence[str], gb: int) -> bool:
        """Whether ``gb`` more can be claimed on each of the hosts."""
        return not gb or all(free >= 0 for free in self._free_after(hosts, gb).values())

    def take(self, hosts: Sequence[str], gb: int) -> None:
        """Count ``gb`` more as claimed on each of the hosts."""
        self._free |= self._free_after(hosts, gb)

    def _free_after(self, hosts: Sequence[str], gb: int) -> dict[str, float]:
        free: dict[str, float] = {}
        for host in hosts:
            pool = self._pool_of_host.get(host)
            if pool is not None:
                free[pool] = free.get(pool, self._free[pool]) - gb
        return free


def lock_of(hosts: Iterable[str], requested: ResourceAmounts) -> Locked:
    """Lock the pools of ``hosts``, in the order of their names; none if no disk is requested.

    Called by claims before they lock the row of any host.
    """
    if not requested["local_gb"]:
        return Locked({}, {})
    with writer() as connection:
        of_hosts = sa.select(_NODE.host, _NODE.disk_pool).where(
            _NODE.host.in_(list(hosts)), _NODE.disk_pool.is_not(None)
        )
        pool_of_host = dict(connection.execute(of_hosts).all())
        if not pool_of_host:
            return Locked({}, {})
        names = sorted(set(pool_of_host.values()))
        rows = disk_pools.select().where(_POOL.name.in_(names)).order_by(_POOL.name)
        limits = {row.name: row.limit_gb for row in connection.execute(rows.with_for_update())}
        sums = (
            sa.select(_NODE.disk_pool, sa.func.sum(_NODE.local_gb_used))
            .where(_NODE.disk_pool.in_(names))
            .group_by(_NODE.disk_pool)
        )
        used = {pool: int(amount) for pool, amount in connection.execute(sums)}
        return Locked(pool_of_host, {name: limits[name] - used[name] for name in names})
