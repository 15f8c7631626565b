"""Helpers that create hosts and requests for the scheduler."""

from __future__ import annotations

import collections
import json
import types
import uuid
from collections.abc import Sequence

from nova_mini import rpc
from nova_mini.context import get_admin_context
from nova_mini.db import instance_groups, models, query
from nova_mini.objects.host_state import AggregateState
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.scheduler.host_table import HostTable

_HOST = {
    "vcpus": 8,
    "memory_mb": 8192,
    "local_gb": 100,
    "cpu_allocation_ratio": 1.0,
    "ram_allocation_ratio": 1.0,
    "disk_allocation_ratio": 1.0,
    "hypervisor_type": "QEMU",
    "hypervisor_version": 7_002_000,
    "cpu_info": {"arch": "x86_64", "features": ["aes"]},
    "supported_instances": [["x86_64", "kvm", "hvm"]],
    "traits": ["COMPUTE_NODE"],
    "numa_topology": None,
}
_NEW = {
    "reserved_vcpus": 0,
    "reserved_memory_mb": 0,
    "reserved_gb": 0,
    "vcpus_used": 0,
    "memory_mb_used": 0,
    "local_gb_used": 0,
    "running_vms": 0,
    "failed_builds": 0,
    "disk_pool": None,
}


def make_spec(**requirements) -> RequestSpec:
    values = {
        "instance_uuid": str(uuid.uuid4()),
        "project_id": "project",
        "vcpus": 1,
        "memory_mb": 512,
        "local_gb": 1,
        "extra_specs": {},
        "image_properties": {},
        "availability_zone": None,
        "force_host": None,
        "force_node": None,
        "requested_host": None,
        "ignore_hosts": [],
        "scheduler_hints": {},
    }
    return RequestSpec(**{**values, **requirements})


def make_table(*hosts: dict, aggregates: Sequence[tuple[dict, list[str]]] = ()) -> HostTable:
    """A table of the hosts h1, h2, .... Each dict overrides the default values of a host.

    ``aggregates``: (metadata, hosts) of each.
    """
    rows = []
    for number, values in enumerate(hosts, start=1):
        row = {"id": number, "host": f"h{number}", "hypervisor_hostname": f"node{number}"}
        row |= {**_HOST, **_NEW, **values}
        for name in ("cpu_info", "supported_instances", "traits"):
            row[name] = None if row[name] is None else json.dumps(row[name])
        rows.append(types.SimpleNamespace(**row))
    table = HostTable(rows)
    table.set_aggregates([AggregateState(*each) for each in aggregates], default_zone="nova")
    return table


def add_host(host: str, **values) -> None:
    """Insert a host with a compute service that is up."""
    row = {"uuid": str(uuid.uuid4()), "host": host, "hypervisor_hostname": host}
    query.insert(models.compute_nodes, {**row, **_HOST, **values})
    service = {"host": host, "binary": "nova-mini-compute", "topic": "compute"}
    query.insert(
        models.services,
        {
            "uuid": str(uuid.uuid4()),
            "incarnation": str(uuid.uuid4()),
            "last_seen_up": query.now(),
            **service,
        },
    )


def add_group(policy: str, **rules: int) -> str:
    """Insert a server group. Return its UUID."""
    values = {"name": policy, "policy": policy, "rules": rules}
    owner = {"project_id": "project", "user_id": "user"}
    row = {"uuid": str(uuid.uuid4()), **owner, **values}
    return query.insert(models.instance_groups, row)["uuid"]


def make_members(group_uuid: str, count: int, **requirements) -> list[RequestSpec]:
    """The specs of new servers in a server group."""
    hints = {"group": group_uuid}
    specs = [make_spec(scheduler_hints=hints, **requirements) for _ in range(count)]
    uuids = [spec.instance_uuid for spec in specs]
    instance_groups.add_members(group_uuid, uuids, "user", -1)
    return specs


def add_aggregate(name: str, hosts: list[str], **metadata) -> None:
    row = query.insert(
        models.aggregates, {"uuid": str(uuid.uuid4()), "name": name, "metadata": metadata}
    )
    for host in hosts:
        with query.writer() as connection:
            connection.execute(
                models.aggregate_hosts.insert(), {"aggregate_id": row["id"], "host": host}
            )


def select(scheduler, *specs: RequestSpec, alternates: int = 0):
    """Call select_destinations, and raise expected exceptions as an RPC caller sees them."""
    try:
        return scheduler.select_destinations(get_admin_context(), list(specs), alternates)
    except rpc.messaging.ExpectedException as expected:
        raise expected.exc_info[1] from None


def check_ledger() -> dict[str, dict]:
    """Assert that no host is oversubscribed and each ledger is the sum of its allocations.

    Return host -> row of its node.
    """
    sums: dict[str, collections.Counter] = {}
    for row in query.many(models.allocations):
        due = sums.setdefault(row["host"], collections.Counter(running_vms=0))
        due.update({name: row[name] for name in ("vcpus", "memory_mb", "local_gb")})
        due["running_vms"] += 1
    nodes = {row["host"]: row for row in query.many(models.compute_nodes)}
    assert sums.keys() <= nodes.keys()
    for host, node in nodes.items():
        due = sums.get(host, {})
        for resource, used, reserved, ratio in (
            ("vcpus", "vcpus_used", "reserved_vcpus", "cpu_allocation_ratio"),
            ("memory_mb", "memory_mb_used", "reserved_memory_mb", "ram_allocation_ratio"),
            ("local_gb", "local_gb_used", "reserved_gb", "disk_allocation_ratio"),
        ):
            assert node[used] == due.get(resource, 0), (host, resource)
            assert node[used] <= (node[resource] - node[reserved]) * node[ratio], (host, resource)
        assert node["running_vms"] == due.get("running_vms", 0), host
    return nodes
