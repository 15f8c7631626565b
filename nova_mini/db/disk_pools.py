"""Storages that hosts have their disks in together: a pool of Ceph is as large for a hundred hosts
as it is for one.

Each host reports the pool's name and the whole of it as its own disk, and what its servers were
promised stands in its own ledger, as everywhere. Only a claim looks further: it locks the pool's
row, so that it is the only one, and then the sum over all hosts of the pool must stay below the
limit. There is no second sum to keep true, and giving back needs no lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from oslo_db import exception as db_exc

from nova_mini.db import query
from nova_mini.db.models import compute_nodes, disk_pools
from nova_mini.db.session import writer

_NODE = compute_nodes.c
_POOL = disk_pools.c


def report(name: str, limit_gb: float) -> None:
    """How much all hosts together may promise of the pool (GiB), as one of them just said. It is
    written only when it changes: claims lock the row."""
    known = query.one(disk_pools, _POOL.name == name)
    if known is None:
        try:
            query.insert(disk_pools, {"name": name, "limit_gb": limit_gb})
        except db_exc.DBDuplicateEntry:
            known = {"limit_gb": None}
    if known is not None and known["limit_gb"] != limit_gb:
        query.update(disk_pools, {"limit_gb": limit_gb}, _POOL.name == name)


class Locked:
    """The pools of some hosts, locked until the transaction ends, with what is left of them."""

    def __init__(self, pool_of_host: Mapping[str, str], left: Mapping[str, float]):
        self._pool_of_host = pool_of_host
        self._left = dict(left)

    def have_room(self, hosts: Sequence[str], gb: int) -> bool:
        """Whether each of the hosts may promise ``gb`` more."""
        return not gb or all(left >= 0 for left in self._after(hosts, gb).values())

    def take(self, hosts: Sequence[str], gb: int) -> None:
        self._left |= self._after(hosts, gb)

    def _after(self, hosts: Sequence[str], gb: int) -> dict[str, float]:
        left: dict[str, float] = {}
        for host in hosts:
            pool = self._pool_of_host.get(host)
            if pool is not None:
                left[pool] = left.get(pool, self._left[pool]) - gb
        return left


def lock_of(hosts: Iterable[str], asked: Mapping[str, int]) -> Locked:
    """Lock the pools of ``hosts``, in the order of their names. Called by claims, before they touch
    any host's row; where no disk is asked for, there is nothing to lock."""
    if not asked["local_gb"]:
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
