"""Helpers that insert rows as a crash may have left them."""

from __future__ import annotations

import datetime
import json
import uuid

from nova_mini.db import actions, allocations, models, query
from tests.servers import make_flavor

LONG_AGO = datetime.datetime(2026, 1, 1)
NOW = datetime.datetime(2026, 6, 1)
REQUESTED = {"vcpus": 1, "memory_mb": 96, "local_gb": 1}


def add_server(**columns) -> str:
    """Insert a server of the project "p", active on the host "h1". Return its UUID."""
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
    """Insert an action that was begun and sent long ago. Return its ID."""
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


def add_migration(instance_uuid: str, **columns) -> dict:
    """Insert a resize of the flavor 1 to 2 that waits for its confirmation. Return the row."""
    old, new = make_flavor(), make_flavor(id=2, flavorid="2", vcpus=2, memory_mb=192)
    row = {
        "uuid": str(uuid.uuid4()),
        "instance_uuid": instance_uuid,
        "migration_type": "resize",
        "status": "finished",
        "source_compute": "h1",
        "source_node": "h1",
        "dest_compute": "h2",
        "dest_node": "h2",
        "dest_host": "192.0.2.2",
        "user_id": "u",
        "project_id": "p",
        "old_flavor": old.as_dict(),
        "new_flavor": new.as_dict(),
        "old_vm_state": "active",
        "vcpus": new.vcpus,
        "memory_mb": new.memory_mb,
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
    }
    return query.insert(models.migrations, row | columns)


def events(action_id: int) -> list[tuple]:
    """(event, result, details) of each event, in order."""
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
    """Make a claim that is dated long ago."""
    assert allocations.claim(consumer_uuid, host, REQUESTED)
    held = models.allocations
    query.update(held, {"created_at": LONG_AGO}, held.c.consumer_uuid == consumer_uuid)


def add_service(host: str, *, seen: datetime.datetime | None = None, **columns) -> str:
    """Insert a compute service with its last heartbeat at ``seen`` (None: now). Return its
    incarnation."""
    row = {
        "uuid": str(uuid.uuid4()),
        "host": host,
        "binary": "nova-mini-compute",
        "topic": "compute",
        "incarnation": str(uuid.uuid4()),
        "last_seen_up": seen or query.now(),
    }
    return query.insert(models.services, row | columns)["incarnation"]
