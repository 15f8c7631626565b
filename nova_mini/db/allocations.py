"""The ledger: the allocations of servers on hosts.

A claim is a conditional UPDATE of the host's row and an INSERT of the allocation, in one
transaction, so concurrent schedulers cannot oversubscribe a host. For hosts that share their
storage, the sum over these hosts is checked too: see ``disk_pools``. The policies of server groups
are checked in the same transaction: see ``group_claims``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from nova_mini.db import disk_pools, group_claims, query
from nova_mini.db.models import COMPUTE_TOPIC, allocations, compute_nodes, services
from nova_mini.db.session import execute_at_commit, writer
from nova_mini.resource_amounts import Resource, ResourceAmounts

_HOST = compute_nodes.c
# columns (total, reserved, ratio, used)
_LEDGER: dict[Resource, tuple[sa.Column, sa.Column, sa.Column, sa.Column]] = {
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
    """The resources ``requested`` on ``host`` for a consumer.

    ``in_group``: whether a server group of the consumer may forbid the host, which costs queries.
    """

    consumer_uuid: str
    host: str
    requested: ResourceAmounts
    in_group: bool = False


def _parameter(name: str) -> sa.BindParameter:
    return sa.bindparam(f"requested_{name}", type_=sa.Integer)


def _taking(*conditions: sa.ColumnElement) -> sa.Update:
    """A statement that adds the requested amounts to the rows of hosts. Built once, executed for
    every claim."""
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


# A scheduler may not know yet that a host was just disabled; the claim checks it.
_OUT_OF_SERVICE = sa.exists().where(
    services.c.host == _HOST.host,
    services.c.topic == COMPUTE_TOPIC,
    sa.or_(services.c.disabled, services.c.forced_down),
)
_TAKE_ALWAYS = _taking()
# A resource of which 0 is requested is not checked: a server without a disk fits on a full disk.
_TAKE_IF_AVAILABLE = _taking(
    ~_OUT_OF_SERVICE,
    *(
        sa.or_(_parameter(name) == 0, used + _parameter(name) <= (total - reserved) * ratio)
        for name, (total, reserved, ratio, used) in _LEDGER.items()
    ),
)


def claim(consumer_uuid: str, host: str, requested: ResourceAmounts, force: bool = False) -> bool:
    """Allocate ``requested`` on ``host`` for a consumer.

    An existing allocation of the consumer (of an interrupted attempt) is released first, unless it
    is the same. ``force``: allocate even more than the host has (``zone:host`` of an
    administrator). Return False when the host does not have enough, its service is disabled or
    forced down, or the server group of the consumer does not permit the host.
    """
    with writer():
        held = _lock(consumer_uuid)
        if held is not None and held["host"] == host and _sum([held]) == _sum([requested]):
            return True
        permitted = force or not group_claims.forbidden({consumer_uuid: host})
        if held is not None:
            return _move(held, host, requested, force, permitted)
        if not permitted:
            return False
        pools = disk_pools.lock_of([host], requested)
        if not _take([host], 1, requested, pools, force):
            return False
        query.insert(
            allocations, {"consumer_uuid": consumer_uuid, "host": host, **_columns(requested)}
        )
    return True


def _lock(consumer_uuid: str) -> Mapping | None:
    """The allocation of the consumer, locked. It is locked by its ID, because a lock on a missing
    row would lock the gap in the index, with the rows beside it."""
    held = get(consumer_uuid)
    if held is None:
        return None
    locked = allocations.select().where(allocations.c.id == held["id"]).with_for_update()
    with writer() as connection:
        return connection.execute(locked).mappings().first()


def _move(
    held: Mapping, host: str, requested: ResourceAmounts, force: bool, permitted: bool
) -> bool:
    """Release the held allocation and, if ``permitted``, take the requested one.

    The row of the consumer is kept: an insert would wait for locks on the rows beside it in the
    index, which concurrent moves hold.
    """
    hosts = sorted({held["host"], host})
    of_consumer = allocations.c.id == held["id"]
    with writer() as connection:
        pools = disk_pools.lock_of(hosts, requested)
        # Rows of hosts are always locked in the order of names, so that there is no deadlock.
        in_order = sa.select(_HOST.host).where(_HOST.host.in_(hosts)).order_by(_HOST.host)
        connection.execute(in_order.with_for_update())
        connection.execute(_releasing(held["host"], 1, held))
        pools.take([held["host"]], -held["local_gb"])
        if not (permitted and _take([host], 1, requested, pools, force)):
            query.delete(allocations, of_consumer)
            return False
        query.update(allocations, {"host": host, **_columns(requested)}, of_consumer)
    return True


def claim_many(claims: Sequence[Claim]) -> set[str]:
    """Make, in one transaction, every claim that fits, whose host is in service and permitted by
    the server group.

    Return the consumers whose claims were made. Raises DBDuplicateEntry, and makes no claim, when a
    consumer already has an allocation. Must not be called inside a transaction.
    """
    try:
        granted = _claim_all(claims)
    except _NotAll:
        granted = _claim_what_fits(claims)
    return {claim.consumer_uuid for claim in granted}


def _permitted(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    """host -> its claims, without those that a server group forbids. Locks the groups."""
    in_groups = {claim.consumer_uuid: claim.host for claim in claims if claim.in_group}
    forbidden = group_claims.forbidden(in_groups) if in_groups else ()
    by_host: dict[str, list[Claim]] = {}
    for claim in claims:
        if claim.consumer_uuid not in forbidden:
            by_host.setdefault(claim.host, []).append(claim)
    return by_host


class _NotAll(Exception):
    """A host does not have enough, so the transaction is rolled back."""


def _claim_all(claims: Sequence[Claim]) -> list[Claim]:
    """One statement for all hosts on which the same is requested. Usually these are all hosts."""
    with writer():
        by_host = _permitted(claims)
        alike: dict[tuple, list[str]] = {}
        for host, of_host in by_host.items():
            alike.setdefault((len(of_host), *_requested(of_host).values()), []).append(host)
        pools = disk_pools.lock_of(by_host, _sum(_requested(claims) for claims in by_host.values()))
        for hosts in alike.values():
            first = by_host[hosts[0]]
            if _take(hosts, len(first), _requested(first), pools) != len(hosts):
                raise _NotAll
        return _record([claim for of_host in by_host.values() for claim in of_host])


def _claim_what_fits(claims: Sequence[Claim]) -> list[Claim]:
    """For each host, make all of its claims; if they do not fit together, one after the other."""
    granted: list[Claim] = []
    with writer():
        by_host = _permitted(claims)
        pools = disk_pools.lock_of(by_host, _sum(_requested(claims) for claims in by_host.values()))
        # Rows are locked in the order of names, so that there is no deadlock.
        for host in sorted(by_host):
            of_host = by_host[host]
            if _take([host], len(of_host), _requested(of_host), pools):
                granted += of_host
            elif len(of_host) > 1:
                granted += [claim for claim in of_host if _take([host], 1, claim.requested, pools)]
        return _record(granted)


def _record(claims: list[Claim]) -> list[Claim]:
    rows = [
        {"consumer_uuid": c.consumer_uuid, "host": c.host, **_columns(c.requested)} for c in claims
    ]
    query.insert_many(allocations, rows)
    return claims


def _columns(amounts: ResourceAmounts) -> dict[str, int]:
    return {name: amounts[name] for name in _LEDGER}


def _sum(amounts: Iterable[ResourceAmounts]) -> dict[Resource, int]:
    amounts = list(amounts)
    return {name: sum(one[name] for one in amounts) for name in _LEDGER}


def _requested(claims: Sequence[Claim]) -> dict[Resource, int]:
    return _sum(claim.requested for claim in claims)


def _take(
    hosts: Sequence[str],
    servers: int,
    requested: ResourceAmounts,
    pools: disk_pools.Locked,
    force: bool = False,
) -> int:
    """Add the requested amounts to the row of each host that has them. Return how many hosts do."""
    if not (pools.have_room(hosts, requested["local_gb"]) or force):
        return 0
    parameters: dict[str, Any] = {f"requested_{name}": requested[name] for name in _LEDGER}
    parameters |= {"of_hosts": hosts, "requested_servers": servers, "stamp": query.now()}
    with writer() as connection:
        statement = _TAKE_ALWAYS if force else _TAKE_IF_AVAILABLE
        taken = connection.execute(statement, parameters).rowcount
    if taken:
        pools.take(hosts, requested["local_gb"])
    return taken


def release(consumer_uuid: str) -> None:
    """Delete the allocation of the consumer, if it has one."""
    with writer():
        held = get(consumer_uuid)
        if held is not None and query.delete(allocations, allocations.c.id == held["id"]):
            execute_at_commit(_releasing(held["host"], 1, held))


def lend(consumer_uuid: str, to_uuid: str) -> None:
    """Give the allocation of a server to its migration, ``to_uuid``: the server is about to get one
    at the destination. Idempotent: an allocation that the migration has already is not changed.
    """
    with writer():
        if get(to_uuid) is None:
            mine = allocations.c.consumer_uuid == consumer_uuid
            query.update(allocations, {"consumer_uuid": to_uuid}, mine)


def return_to(consumer_uuid: str, from_uuid: str) -> None:
    """Undo :func:`lend`: release what the server has at the destination, and give it back what its
    migration, ``from_uuid``, has at the source. Idempotent."""
    with writer():
        lent = get(from_uuid)
        if lent is not None:
            release(consumer_uuid)
            query.update(
                allocations, {"consumer_uuid": consumer_uuid}, allocations.c.id == lent["id"]
            )


def release_many(consumer_uuids: Iterable[str]) -> None:
    """Delete the allocations of these consumers, in one transaction."""
    id_ = allocations.c.id
    with writer() as connection:
        ids = [row["id"] for row in get_many(list(consumer_uuids))]
        # Locked by ID: see _lock().
        locked = allocations.select().where(id_.in_(ids)).with_for_update()
        rows = connection.execute(locked).mappings().all() if ids else []
        query.delete(allocations, id_.in_([row["id"] for row in rows]))
        of_host: dict[str, list[Mapping]] = {}
        for row in rows:
            of_host.setdefault(row["host"], []).append(row)
        for host in sorted(of_host):
            execute_at_commit(_releasing(host, len(of_host[host]), _sum(of_host[host])))


def _releasing(host: str, servers: int, amounts: ResourceAmounts) -> sa.Update:
    less = {used: used - amounts[name] for name, (_, _, _, used) in _LEDGER.items()}
    stamp = {"running_vms": _HOST.running_vms - servers, "ledger_at": query.now()}
    return compute_nodes.update().where(_HOST.host == host).values(less).values(stamp)


def get(consumer_uuid: str) -> Mapping | None:
    return query.one(allocations, allocations.c.consumer_uuid == consumer_uuid)


def get_many(consumer_uuids: Collection[str]) -> list[Mapping]:
    return query.many(allocations, allocations.c.consumer_uuid.in_(consumer_uuids))
