"""Requests about volumes and snapshots that the Compute API only passes on to Cinder.

Volumes and snapshots are Cinder's records. All functions use the user's token, and raise
CinderConnectionFailed, VolumeAccessDenied, VolumeQuotaExceeded, and InvalidVolume with Cinder's
message. Ids must be UUIDs: they are parts of URLs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oslo_utils import uuidutils

from nova_mini import exception
from nova_mini.volume.client import client, translated

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

Record = dict[str, Any]


def list_volumes(context: RequestContext) -> list[Record]:
    with translated():
        return [each.to_dict() for each in client(context).volumes.list(detailed=True)]


def get_volume(context: RequestContext, volume_id: str) -> Record:
    """Raises VolumeNotFound."""
    missing = exception.VolumeNotFound(volume_id=volume_id)
    _check_id(volume_id, missing)
    with translated(missing, volume_id):
        return client(context).volumes.get(volume_id).to_dict()


def create_volume(context: RequestContext, fields: Record) -> Record:
    """``fields``: parameters of cinderclient. Not idempotent."""
    with translated():
        return client(context, repeat=False).volumes.create(**fields).to_dict()


def delete_volume(context: RequestContext, volume_id: str) -> None:
    """Raises VolumeNotFound."""
    missing = exception.VolumeNotFound(volume_id=volume_id)
    _check_id(volume_id, missing)
    with translated(missing, volume_id):
        client(context, repeat=False).volumes.delete(volume_id)


def list_snapshots(context: RequestContext) -> list[Record]:
    with translated():
        return [each.to_dict() for each in client(context).volume_snapshots.list(detailed=True)]


def get_snapshot(context: RequestContext, snapshot_id: str) -> Record:
    """Raises SnapshotNotFound."""
    missing = exception.SnapshotNotFound(snapshot_id=snapshot_id)
    _check_id(snapshot_id, missing)
    with translated(missing):
        return client(context).volume_snapshots.get(snapshot_id).to_dict()


def create_snapshot(context: RequestContext, volume_id: str, fields: Record) -> Record:
    """``fields``: parameters of cinderclient. Not idempotent. Raises VolumeNotFound."""
    with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
        return client(context, repeat=False).volume_snapshots.create(volume_id, **fields).to_dict()


def delete_snapshot(context: RequestContext, snapshot_id: str) -> None:
    """Raises SnapshotNotFound."""
    missing = exception.SnapshotNotFound(snapshot_id=snapshot_id)
    _check_id(snapshot_id, missing)
    with translated(missing):
        client(context, repeat=False).volume_snapshots.delete(snapshot_id)


def _check_id(item_id: str, missing: exception.NovaException) -> None:
    if not uuidutils.is_uuid_like(item_id):
        raise missing
