"""Deleted and soft-deleted servers, and the quota that they release."""

from __future__ import annotations

import datetime
from collections.abc import Collection

import sqlalchemy as sa

from nova_mini.db import allocations, instance_groups, project_usages, query, server_migrations
from nova_mini.db.instance_updates import NEXT_REVISION
from nova_mini.db.models import block_device_mapping, instances, request_specs, tags
from nova_mini.db.session import reader, writer
from nova_mini.states import vm_states


def destroy(uuid: str) -> bool:
    """Mark the server deleted, and release its quota, allocation and records, in one transaction.

    Idempotent. Return whether this call deleted it.
    """
    stamp = query.now()
    with writer() as connection:
        row = connection.execute(_HELD, {"of_uuid": uuid}).first()
        if row is None:
            return False
        deleted = query.update(
            instances,
            {
                "deleted": True,
                "deleted_at": stamp,
                "terminated_at": row.terminated_at or stamp,
                "vm_state": "deleted",
                "task_state": None,
                "key_data": None,
                "user_data": None,
                **NEXT_REVISION,
            },
            instances.c.uuid == uuid,
            instances.c.deleted == sa.false(),
        )
        if not deleted:
            return False
        held = server_migrations.end_of_deleted(uuid) or row._mapping
        allocations.release(uuid)
        if row.vm_state != vm_states.SOFT_DELETED:
            project_usages.release(row.project_id, 1, held["vcpus"], held["memory_mb"])
        query.delete(request_specs, request_specs.c.instance_uuid == uuid)
        query.delete(block_device_mapping, block_device_mapping.c.instance_uuid == uuid)
        instance_groups.remove_members([uuid])
        connection.execute(tags.delete().where(tags.c.resource_id == uuid))
    return True


def release_quota(uuid: str) -> None:
    """Release the quota of a server, in the transaction that makes it soft-deleted."""
    with writer() as connection:
        row = connection.execute(_HELD, {"of_uuid": uuid}).one()
        project_usages.release(row.project_id, 1, row.vcpus, row.memory_mb)


def charge_if_soft_deleted(uuid: str) -> None:
    """Use the quota of a server again, without a check, in the transaction in which an
    administrator resets its state. Does nothing unless it is soft-deleted."""
    with writer() as connection:
        row = connection.execute(_HELD.with_for_update(), {"of_uuid": uuid}).first()
        if row is not None and row.vm_state == vm_states.SOFT_DELETED:
            project_usages.release(row.project_id, -1, -row.vcpus, -row.memory_mb)


# What a server uses of its project's quota. A soft-deleted server uses none.
_HELD = sa.select(
    instances.c.project_id,
    instances.c.vcpus,
    instances.c.memory_mb,
    instances.c.terminated_at,
    instances.c.vm_state,
).where(instances.c.uuid == sa.bindparam("of_uuid"), instances.c.deleted == sa.false())


def get_soft_deleted(before: datetime.datetime) -> list[str]:
    """UUIDs of the servers that were soft-deleted before then, the oldest first, that no action is
    changing now."""
    server = instances.c
    statement = sa.select(server.uuid).where(
        server.deleted_at < before,
        server.vm_state == vm_states.SOFT_DELETED,
        server.task_state.is_(None),
        server.deleted == sa.false(),
    )
    with reader() as connection:
        return list(connection.execute(statement.order_by(server.deleted_at)).scalars())


def deleted_among(uuids: Collection[str]) -> list[str]:
    """Those of ``uuids`` that are deleted servers."""
    statement = sa.select(instances.c.uuid).where(
        instances.c.uuid.in_(uuids), instances.c.deleted == sa.true()
    )
    with reader() as connection:
        return list(connection.execute(statement).scalars())


def get_deletion_times(uuids: Collection[str]) -> dict[str, datetime.datetime | None]:
    """uuid -> the time of deletion, None if not deleted; without unknown UUIDs."""
    server, ends = instances.c, {}
    with reader() as connection:
        for some in query.parts(uuids):
            statement = sa.select(server.uuid, server.deleted, server.deleted_at)
            for row in connection.execute(statement.where(server.uuid.in_(some))):
                ends[row.uuid] = (row.deleted_at or query.now()) if row.deleted else None
    return ends
