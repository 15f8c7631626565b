"""Helpers that insert servers with an action for the conductors, and read their records."""

from __future__ import annotations

from uuid import uuid4

from nova_mini import db
from nova_mini.db import query
from tests.unit.db import records
from tests.unit.scheduler import cloud

CONDUCTOR = "control"


def add_request(method: str, *, server: dict, spec: dict | None = None, **action) -> int:
    """A server with its request spec, and an action for a conductor. Return the action's ID."""
    instance_uuid = records.add_server(**{"host": None, "power_state": 0, **server})
    values = cloud.make_spec(instance_uuid=instance_uuid, **(spec or {})).as_dict()
    db.request_specs.create_many({instance_uuid: values})
    return records.add_action(instance_uuid, method=method, host=None, **action)


def row(action_id: int):
    return db.actions.get(action_id)


def server_of(action_id: int):
    """The row of the server; None when it was deleted."""
    return db.instances.get_by_uuid(row(action_id)["instance_uuid"])


def fault_of(action_id: int):
    instance_uuid = row(action_id)["instance_uuid"]
    return db.instance_faults.get_latest_faults([instance_uuid]).get(instance_uuid)


def allocated_to(action_id: int) -> str | None:
    held = db.allocations.get(row(action_id)["instance_uuid"])
    return held and held["host"]


def turns(action_id: int) -> list[tuple]:
    """(event, result, details) of each attempt of the action, without the steps."""
    return [each for each in records.events(action_id) if each[0].startswith("conductor_")]


def steps(action_id: int) -> list[str]:
    return [event for event, *_ in records.events(action_id) if not event.startswith("conductor_")]


def place(action_id: int) -> tuple[str | None, str]:
    found = row(action_id)
    assert found["owner"] is None and found["finish_time"] is None
    return found["host"], found["method"]


def is_requeued(action_id: int, method: str, error: str) -> bool:
    """Whether the action waits for the reconciler, and is otherwise unchanged."""
    ((_, result, details),) = turns(action_id)
    return (place(action_id), result, details) == ((None, method), "Error", error)


def be_silent(*hosts: str) -> None:
    """Date the last heartbeats of the computes of these hosts long ago."""
    services = db.models.services
    query.update(services, {"last_seen_up": records.LONG_AGO}, services.c.host.in_(hosts))


def supersede(action_id: int) -> None:
    """Request a delete, which ends all other actions of the server."""
    instance_uuid = row(action_id)["instance_uuid"]
    delete = records.add_action(instance_uuid, action="delete", method="terminate_instance")
    db.actions.supersede(instance_uuid, but=delete)


def add_volume(action_id: int, cinder, *, reserved: bool = True, **mapping) -> str:
    """Add a volume to the server, in Cinder and (if reserved) with its attachment in the record.
    Return the UUID of the mapping."""
    instance_uuid = row(action_id)["instance_uuid"]
    volume_id, attachment_id = cinder.add_volume(), None
    if reserved:
        attachment_id = reserve(cinder, instance_uuid, volume_id)
    values = {
        "uuid": str(uuid4()),
        "instance_uuid": instance_uuid,
        "source_type": "volume",
        "destination_type": "volume",
        "volume_id": volume_id,
        "attachment_id": attachment_id,
        "device_name": "/dev/vdb",
    }
    return db.block_device_mappings.create({**values, **mapping})["uuid"]


def reserve(cinder, instance_uuid: str, volume_id: str) -> str:
    body = {"attachment": {"instance_uuid": instance_uuid, "volume_uuid": volume_id}}
    _, response = cinder._post_attachments(query={}, body=body)
    return response["attachment"]["id"]
