"""Block device mappings: the disks of servers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import block_device_mapping, instance_actions, instances
from nova_mini.db.session import reader, writer

_BDM = block_device_mapping.c


def create(values: Mapping[str, Any]) -> dict:
    return query.insert(block_device_mapping, values)


def create_for_action(values: Mapping[str, Any], action_id: int) -> Mapping | None:
    """Insert a mapping while the action is unfinished; None if it is finished. Idempotent."""
    with writer():
        if not _lock_unfinished(action_id):
            return None
        return get_by_uuid(values["uuid"]) or create(values)


def _lock_unfinished(action_id: int) -> bool:
    """Whether the action is unfinished. It stays so until the transaction ends."""
    action = instance_actions.c
    unfinished = sa.select(action.id).where(action.id == action_id, action.finish_time.is_(None))
    with writer() as connection:
        return connection.execute(unfinished.with_for_update()).first() is not None


def create_many(rows: list[Mapping[str, Any]]) -> None:
    query.insert_many(block_device_mapping, rows)


def get_by_instances(instance_uuids: Collection[str]) -> list[Mapping]:
    return query.many(
        block_device_mapping, _BDM.instance_uuid.in_(instance_uuids), order_by=[_BDM.id]
    )


def get_attached(of: str | None = None) -> list[Mapping]:
    """The mappings with an attachment, of all servers that are not deleted, or of the server
    ``of``.

    Columns: attachment_id, volume_id, instance_uuid, created_at, updated_at.
    """
    columns = (
        _BDM.attachment_id,
        _BDM.volume_id,
        _BDM.instance_uuid,
        _BDM.created_at,
        _BDM.updated_at,
    )
    with reader() as connection:
        statement = (
            sa.select(*columns)
            .join(instances, instances.c.uuid == _BDM.instance_uuid)
            .where(instances.c.deleted == sa.false(), _BDM.attachment_id.is_not(None))
        )
        if of is not None:
            statement = statement.where(_BDM.instance_uuid == of)
        return list(connection.execute(statement).mappings())


def get_by_uuid(uuid: str) -> Mapping | None:
    return query.one(block_device_mapping, _BDM.uuid == uuid)


def get_by_volume(instance_uuid: str, volume_id: str) -> Mapping | None:
    return query.one(
        block_device_mapping, _BDM.instance_uuid == instance_uuid, _BDM.volume_id == volume_id
    )


def update(bdm_id: int, values: Mapping[str, Any], action_id: int | None = None) -> bool:
    """Return whether the mapping was updated: it exists, and the action, if given, is
    unfinished."""
    with writer():
        if action_id is not None and not _lock_unfinished(action_id):
            return False
        return bool(query.update(block_device_mapping, values, _BDM.id == bdm_id))


def destroy(bdm_id: int) -> None:
    query.delete(block_device_mapping, _BDM.id == bdm_id)
