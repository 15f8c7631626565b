"""Rows as a crash may have left them."""

from __future__ import annotations

import datetime
import json
import uuid

from nova_mini.db import actions, allocations, models, query
from tests.servers import make_flavor

LONG_AGO = datetime.datetime(2026, 1, 1)
NOW = datetime.datetime(2026, 6, 1)
ASKED = {"vcpus": 1, "memory_mb": 96, "local_gb": 1}


def add_server(**columns) -> str:
    """A server of the project "p", active on the host "h1"; its uuid."""
    flavor = make_flavor()
    row = {
        "uuid": str(uuid.uuid4()),
        "deleted": False,
        "project_id": "p",
        "user_id": "u",
        "flavor": json.dumps(flavor.as_dict()),
        "instance_type_id": 1,
        "memory_mb": flavor.memory_mb,
        "vcpus": flavor.vcpus,
        "root_gb": 1,
        "ephemeral_gb": 0,
        "metadata": {},
        "system_metadata": {},
        "security_groups": [],
        "network_info": "[]",
        "vm_state": "active",
        "task_state": None,
        "power_state": 1,
        "host": "h1",
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
    }
    return query.insert(models.instances, row | columns)["uuid"]


def server(uuid_: str):
    return query.one(models.instances, models.instances.c.uuid == uuid_)


def add_action(instance_uuid: str, **columns) -> int:
    """An action that was begun and sent long ago; its id."""
    row = {
        "instance_uuid": instance_uuid,
        "action": "stop",
        "request_id": f"req-{uuid.uuid4()}",
        "method": "stop_instance",
        "host": "h1",
        "start_time": LONG_AGO,
        "sent_at": LONG_AGO,
        "attempts": 0,
    }
    return query.insert(models.instance_actions, row | columns)["id"]


def events(action_id: int) -> list[tuple]:
    """(event, result, details) of each, in order."""
    return [(e["event"], e["result"], e["details"]) for e in actions.get_events([action_id])]


def add_node(host: str = "h1", **columns) -> None:
    row = {
        "uuid": str(uuid.uuid4()),
        "host": host,
        "hypervisor_hostname": host,
        "hypervisor_type": "fake",
        "hypervisor_version": 1,
        "vcpus": 8,
        "memory_mb": 8192,
        "local_gb": 100,
        "cpu_allocation_ratio": 1.0,
        "ram_allocation_ratio": 1.0,
        "disk_allocation_ratio": 1.0,
        "vcpus_used": 0,
        "memory_mb_used": 0,
        "local_gb_used": 0,
        "running_vms": 0,
    }
    query.insert(models.compute_nodes, row | columns)


def allocate(consumer_uuid: str, host: str = "h1") -> None:
    """What a claim does, but long ago."""
    assert allocations.claim(consumer_uuid, host, ASKED)
    held = models.allocations
    query.update(held, {"created_at": LONG_AGO}, held.c.consumer_uuid == consumer_uuid)


def add_service(host: str, *, seen: datetime.datetime | None = None, **columns) -> str:
    """A compute's, heard of now unless ``seen`` says when; its incarnation."""
    row = {
        "uuid": str(uuid.uuid4()),
        "host": host,
        "binary": "nova-mini-compute",
        "topic": "compute",
        "incarnation": str(uuid.uuid4()),
        "last_seen_up": seen or query.now(),
    }
    return query.insert(models.services, row | columns)["incarnation"]
