"""Hosts and servers that are rows alone: as many as years of use would make, in seconds.

The hosts are in service and nobody runs them, so a real server must never go there: they have
vCPUs of an architecture of their own, and neither memory nor disk. The servers are copies of a real
one on these hosts, with what they take in the ledger. Only for a cloud that is thrown away: this
writes where only the services should.
"""

from __future__ import annotations

import datetime
import random
import uuid
from collections.abc import Callable, Iterable, Mapping

import sqlalchemy as sa

from nova_mini.db import allocations, instances, models, query, sweeps
from nova_mini.db.session import reader, writer

MARK = "r-populate"  # the reservation of all the servers
HOST = "populated-{:05}"
ARCHITECTURE = "aarch64"
_YEAR = 365 * 24 * 3600
_WHILE_IT_LASTS = datetime.timedelta(hours=2)  # nobody reports for them

_NODE = {
    "vcpus": 1000,
    "memory_mb": 0,
    "local_gb": 0,
    "cpu_allocation_ratio": 4.0,
    "ram_allocation_ratio": 1.0,
    "disk_allocation_ratio": 1.0,
    "hypervisor_type": "fake",
    "hypervisor_version": 1_000_000,
    "cpu_info": {"arch": ARCHITECTURE, "features": ["sha2", "sve"]},
    "supported_instances": [[ARCHITECTURE, "fake", "hvm"]],
}


def hosts(count: int) -> None:
    """Make so many hosts; none may be there yet."""
    alive = query.now() + _WHILE_IT_LASTS
    _insert(models.services, range(count), lambda number: _service(number, alive))
    _insert(models.compute_nodes, range(count), _node)


def copies(server_id: str, until: int, on_hosts: int) -> None:
    """Copy a server until there are so many copies, evenly on the first `on_hosts` hosts."""
    template = dict(instances.get_by_uuid(server_id))
    del template["id"]
    held = allocations.get(server_id)
    taken = {name: held[name] for name in ("vcpus", "memory_mb", "local_gb")}
    places = {
        number: {"uuid": str(uuid.uuid4()), "host": HOST.format(number % on_hosts)}
        for number in range(_count(), until)
    }
    _insert(models.instances, places, lambda number: _copy(template, number) | places[number])
    _insert(
        models.allocations,
        places,
        lambda number: {
            "consumer_uuid": places[number]["uuid"], "host": places[number]["host"], **taken
        },
    )  # fmt: skip
    _account()


def clear() -> None:
    """Remove all of it."""
    ours = HOST.partition("{")[0] + "%"
    with writer() as connection:
        for table in (models.instances, models.allocations, models.compute_nodes, models.services):
            connection.execute(table.delete().where(table.c.host.like(ours)))
    _account()


def _insert(table: sa.Table, numbers: Iterable[int], row: Callable[[int], dict]) -> None:
    for part in query.parts(numbers):
        query.insert_many(table, [row(number) for number in part])


def _account() -> None:
    """Let the sums that are kept beside the servers say what they should."""
    node, held = models.compute_nodes.c, models.allocations.c

    def sum_of(amount: sa.ColumnElement) -> sa.ScalarSelect:
        total = sa.select(sa.func.coalesce(amount, 0)).where(held.host == node.host)
        return total.scalar_subquery()

    sums = {
        "vcpus_used": sum_of(sa.func.sum(held.vcpus)),
        "memory_mb_used": sum_of(sa.func.sum(held.memory_mb)),
        "local_gb_used": sum_of(sa.func.sum(held.local_gb)),
        "running_vms": sum_of(sa.func.count()),
        "ledger_at": query.now(),
    }
    with writer() as connection:
        connection.execute(models.compute_nodes.update().values(sums))
    sweeps.USAGES.mend(sweeps.USAGES.find(query.now()), MARK)


def _count() -> int:
    marked = sa.select(sa.func.count()).where(models.instances.c.reservation_id == MARK)
    with reader() as connection:
        return connection.execute(marked).scalar_one()


def _service(number: int, alive: datetime.datetime) -> dict:
    return {
        "uuid": str(uuid.uuid4()),
        "incarnation": str(uuid.uuid4()),
        "host": HOST.format(number),
        "binary": "nova-mini-compute",
        "topic": models.COMPUTE_TOPIC,
        "last_seen_up": alive,
    }


def _node(number: int) -> dict:
    name = HOST.format(number)
    return {"uuid": str(uuid.uuid4()), "host": name, "hypervisor_hostname": name, **_NODE}


def _copy(template: Mapping, number: int) -> dict:
    """Made at some time of the last year, as a server that its user made would be."""
    age = datetime.timedelta(seconds=random.randrange(_YEAR))
    return {
        **template,
        "display_name": f"copy-{number}",
        "hostname": f"copy-{number}",
        "reservation_id": MARK,
        "created_at": template["created_at"] - age,
        "updated_at": template["created_at"] - age,
    }
