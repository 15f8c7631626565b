"""Many hosts and servers that exist only as rows, as after years of use.

The hosts are in service without a compute process, so no real server may be scheduled to them: they
have vCPUs of their own architecture, and no memory and disk. The servers are copies of a real one
on these hosts, with their allocations. Only for test clouds: this writes to the database directly.
"""

from __future__ import annotations

import datetime
import random
import uuid
from collections.abc import Callable, Iterable, Mapping

import sqlalchemy as sa

from nova_mini.db import allocations, instances, models, query, sweeps
from nova_mini.db.session import reader, writer

MARK = "r-populate"  # the reservation ID of all the servers
HOST = "populated-{:05}"
ARCHITECTURE = "aarch64"
_YEAR = 365 * 24 * 3600
_ALIVE_FOR = datetime.timedelta(hours=2)  # the hosts send no heartbeats

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
    """Create `count` hosts. There must be none yet."""
    alive = query.now() + _ALIVE_FOR
    _insert(models.services, range(count), lambda number: _service(number, alive))
    _insert(models.compute_nodes, range(count), _node)


def copies(server_id: str, until: int, on_hosts: int) -> None:
    """Copy a server until there are `until` copies, evenly on the first `on_hosts` hosts."""
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
            "consumer_uuid": places[number]["uuid"],
            "host": places[number]["host"],
            **taken,
        },
    )
    _account()


def clear() -> None:
    """Remove the hosts and servers."""
    ours = HOST.partition("{")[0] + "%"
    with writer() as connection:
        for table in (models.instances, models.allocations, models.compute_nodes, models.services):
            connection.execute(table.delete().where(table.c.host.like(ours)))
    _account()


def _insert(table: sa.Table, numbers: Iterable[int], row: Callable[[int], dict]) -> None:
    for part in query.parts(numbers):
        query.insert_many(table, [row(number) for number in part])


def _account() -> None:
    """Update the ledgers and usages."""
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
    sweeps.USAGES.repair(sweeps.USAGES.find(query.now()), MARK)


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
    """The row of a server that was created at some time in the last year."""
    age = datetime.timedelta(seconds=random.randrange(_YEAR))
    return {
        **template,
        "display_name": f"copy-{number}",
        "hostname": f"copy-{number}",
        "reservation_id": MARK,
        "created_at": template["created_at"] - age,
        "updated_at": template["created_at"] - age,
    }
