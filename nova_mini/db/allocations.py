"""The ledger: who was promised what on which host.

A claim is a conditional UPDATE of the host's row and the allocation beside it, in one
transaction: two schedulers can never promise the same MiB twice. Where hosts have their disks in
one storage, the sum of what they promised of it counts as well: see ``disk_pools``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from nova_mini.db import disk_pools, query
from nova_mini.db.models import COMPUTE_TOPIC, allocations, compute_nodes, services
from nova_mini.db.session import at_the_end, writer

_HOST = compute_nodes.c
# what is asked -> (total, reserved, ratio, used) columns
_LEDGER = {
    "vcpus": (_HOST.vcpus, _HOST.reserved_vcpus, _HOST.cpu_allocation_ratio, _HOST.vcpus_used),
    "memory_mb": (
        _HOST.memory_mb,
        _HOST.reserved_memory_mb,
        _HOST.ram_allocation_ratio,
        _HOST.memory_mb_used,
    ),
    "local_gb": (
        _HOST.local_gb,
        _HOST.reserved_gb,
        _HOST.disk_allocation_ratio,
        _HOST.local_gb_used,
    ),
}


class Claim(NamedTuple):
    """``asked``: {"vcpus", "memory_mb" (MiB), "local_gb" (GiB)} of ``host`` for a consumer."""

    consumer_uuid: str
    host: str
    asked: Mapping[str, int]


def _parameter(name: str) -> sa.BindParameter:
    return sa.bindparam(f"asked_{name}", type_=sa.Integer)


def _taking(*conditions) -> sa.Update:
    """Adds what is asked to some hosts' rows; built once, run for every claim."""
    added = {used: used + _parameter(name) for name, (_, _, _, used) in _LEDGER.items()}
    return (
        compute_nodes.update()
        .where(_HOST.host.in_(sa.bindparam("of_hosts", expanding=True)), *conditions)
        .values(added)
        .values(
            running_vms=_HOST.running_vms + _parameter("servers"),
            ledger_at=sa.bindparam("stamp", type_=_HOST.ledger_at.type),
        )
    )


# A scheduler may not know yet that a host was disabled a moment ago; the claim does.
_OUT_OF_SERVICE = sa.exists().where(
    services.c.host == _HOST.host,
    services.c.topic == COMPUTE_TOPIC,
    sa.or_(services.c.disabled, services.c.forced_down),
)
_TAKE_ANYWAY = _taking()
# What is not asked for is not looked at: a server without a disk fits on a full disk.
_TAKE_IF_THERE = _taking(
    ~_OUT_OF_SERVICE,
    *(
        sa.or_(_parameter(name) == 0, used + _parameter(name) <= (total - reserved) * ratio)
        for name, (total, reserved, ratio, used) in _LEDGER.items()
    ),
)


def claim(consumer_uuid: str, host: str, asked: Mapping[str, int], force: bool = False) -> bool:
    """Promise ``asked`` ({"vcpus", "memory_mb" MiB, "local_gb" GiB}) of ``host`` to a consumer.

    What the consumer was promised before (by an attempt that died) is given back first, unless it
    is the same. ``force`` promises even what is not there (``zone:host`` of an administrator,
    evacuation of a host that is full). Returns False when the host has not enough, or its service
    is disabled or forced down.
    """
    with writer():
        held = _lock(consumer_uuid)
        if held is not None and held["host"] == host and _sum([held]) == _sum([asked]):
            return True
        if held is not None:
            return _move(held, host, asked, force)
        pools = disk_pools.lock_of([host], asked)
        if not _take([host], 1, asked, pools, force):
            return False
        query.insert(allocations, {"consumer_uuid": consumer_uuid, "host": host, **asked})
    return True


def _lock(consumer_uuid: str) -> Mapping | None:
    """What the consumer holds. By its id: to lock what is not there would lock its neighbours."""
    held = get(consumer_uuid)
    if held is None:
        return None
    locked = allocations.select().where(allocations.c.id == held["id"]).with_for_update()
    with writer() as connection:
        return connection.execute(locked).mappings().first()


def _move(held: Mapping, host: str, asked: Mapping[str, int], force: bool) -> bool:
    """Give back what is held and take what is asked; the consumer keeps its row. A new row of the
    same consumer would wait for those beside it in the index, of which others are moved."""
    hosts = sorted({held["host"], host})
    of_consumer = allocations.c.id == held["id"]
    with writer() as connection:
        pools = disk_pools.lock_of(hosts, asked)
        # In the order of their names, as everywhere.
        in_order = sa.select(_HOST.host).where(_HOST.host.in_(hosts)).order_by(_HOST.host)
        connection.execute(in_order.with_for_update())
        connection.execute(_giving_back(held["host"], 1, held))
        pools.take([held["host"]], -held["local_gb"])
        if not _take([host], 1, asked, pools, force):
            query.delete(allocations, of_consumer)
            return False
        query.update(allocations, {"host": host, **asked}, of_consumer)
    return True


def claim_many(claims: Sequence[Claim]) -> set[str]:
    """Make every claim for which there is room on a host that is in service, in one transaction.

    Returns the consumers that got theirs. Raises DBDuplicateEntry, and makes no claim at all, when
    one of the consumers holds something already. Not to be called inside a transaction.
    """
    by_host: dict[str, list[Claim]] = {}
    for claim in claims:
        by_host.setdefault(claim.host, []).append(claim)
    try:
        granted = _claim_all(by_host)
    except _NotAll:
        granted = _claim_what_fits(by_host)
    return {claim.consumer_uuid for claim in granted}


class _NotAll(Exception):
    """Some host had not enough, so the transaction is rolled back."""


def _claim_all(by_host: Mapping[str, list[Claim]]) -> list[Claim]:
    """One statement for all hosts of which the same is asked, as it mostly is."""
    alike: dict[tuple, list[str]] = {}
    for host, claims in by_host.items():
        alike.setdefault((len(claims), *_asked(claims).values()), []).append(host)
    with writer():
        pools = disk_pools.lock_of(by_host, _sum(_asked(claims) for claims in by_host.values()))
        for hosts in alike.values():
            first = by_host[hosts[0]]
            if _take(hosts, len(first), _asked(first), pools) != len(hosts):
                raise _NotAll
        return _record([claim for claims in by_host.values() for claim in claims])


def _claim_what_fits(by_host: Mapping[str, list[Claim]]) -> list[Claim]:
    """Host by host: all of its claims, else those that still fit, one after the other."""
    granted: list[Claim] = []
    with writer():
        pools = disk_pools.lock_of(by_host, _sum(_asked(claims) for claims in by_host.values()))
        # In the order of their names: who locks rows in one order never waits in a circle.
        for host in sorted(by_host):
            claims = by_host[host]
            if _take([host], len(claims), _asked(claims), pools):
                granted += claims
            elif len(claims) > 1:
                granted += [claim for claim in claims if _take([host], 1, claim.asked, pools)]
        return _record(granted)


def _record(claims: list[Claim]) -> list[Claim]:
    rows = [{"consumer_uuid": c.consumer_uuid, "host": c.host, **c.asked} for c in claims]
    query.insert_many(allocations, rows)
    return claims


def _sum(amounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    amounts = list(amounts)
    return {name: sum(one[name] for one in amounts) for name in _LEDGER}


def _asked(claims: Sequence[Claim]) -> dict[str, int]:
    return _sum(claim.asked for claim in claims)


def _take(
    hosts: Sequence[str],
    servers: int,
    asked: Mapping[str, int],
    pools: disk_pools.Locked,
    force: bool = False,
) -> int:
    """Add what is asked to each host's row that has it; returns how many had."""
    if not (pools.have_room(hosts, asked["local_gb"]) or force):
        return 0
    parameters = {f"asked_{name}": asked[name] for name in _LEDGER}
    parameters |= {"of_hosts": hosts, "asked_servers": servers, "stamp": query.now()}
    with writer() as connection:
        statement = _TAKE_ANYWAY if force else _TAKE_IF_THERE
        taken = connection.execute(statement, parameters).rowcount
    if taken:
        pools.take(hosts, asked["local_gb"])
    return taken


def release(consumer_uuid: str) -> None:
    """Give back what the consumer holds; nothing is fine."""
    with writer():
        held = get(consumer_uuid)
        if held is not None and query.delete(allocations, allocations.c.id == held["id"]):
            at_the_end(_giving_back(held["host"], 1, held))


def release_many(consumer_uuids: Iterable[str]) -> None:
    """Give back what all these consumers hold, in one transaction."""
    id_ = allocations.c.id
    with writer() as connection:
        ids = [row["id"] for row in get_many(list(consumer_uuids))]
        # By their ids: to lock a consumer that holds nothing would lock others that begin to.
        locked = allocations.select().where(id_.in_(ids)).with_for_update()
        rows = connection.execute(locked).mappings().all() if ids else []
        query.delete(allocations, id_.in_([row["id"] for row in rows]))
        of_host: dict[str, list[Mapping]] = {}
        for row in rows:
            of_host.setdefault(row["host"], []).append(row)
        for host in sorted(of_host):
            at_the_end(_giving_back(host, len(of_host[host]), _sum(of_host[host])))


def _giving_back(host: str, servers: int, amounts: Mapping[str, int]) -> sa.Update:
    less = {used: used - amounts[name] for name, (_, _, _, used) in _LEDGER.items()}
    stamp = {"running_vms": _HOST.running_vms - servers, "ledger_at": query.now()}
    return compute_nodes.update().where(_HOST.host == host).values(less).values(stamp)


def get(consumer_uuid: str) -> Mapping | None:
    return query.one(allocations, allocations.c.consumer_uuid == consumer_uuid)


def get_many(consumer_uuids: Collection[str]) -> list[Mapping]:
    return query.many(allocations, allocations.c.consumer_uuid.in_(consumer_uuids))
