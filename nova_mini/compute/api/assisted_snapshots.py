"""Snapshots that Cinder requests of volumes in use."""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import volume_request
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance import Instance
from nova_mini.states import state_checks

LOG = logging.getLogger(__name__)


class AssistedSnapshots(Base):
    """Cinder's drivers for volumes in qcow2 files (NFS and the like) need a host for this. No host
    can do it yet: the request is checked, and Cinder is told that the snapshot has failed. Nova
    does the same for a volume that is no file."""

    def create_assisted_snapshot(
        self, context: RequestContext, volume_id: str, snapshot_id: str
    ) -> None:
        """Raises InvalidVolume if no server or several use the volume, InstanceInvalidState."""
        self._check_attached(context, volume_id)
        self._report(context, snapshot_id, "error")

    def delete_assisted_snapshot(
        self, context: RequestContext, volume_id: str, snapshot_id: str
    ) -> None:
        """Raises the same as :meth:`create_assisted_snapshot`."""
        self._check_attached(context, volume_id)
        self._report(context, snapshot_id, "error_deleting")

    def _check_attached(self, context: RequestContext, volume_id: str) -> None:
        volume_request.check_volume_service()
        try:
            users = list(self.volume_api.get(context, volume_id, as_service=True).attachments)
            if len(users) > 1:
                raise exception.InvalidVolume(reason=f"several servers use volume {volume_id}")
            if not users:
                raise exception.InvalidVolume(reason=f"no server uses volume {volume_id}")
            BlockDeviceMapping.get_by_volume(context, users[0], volume_id)
        except (exception.VolumeNotFound, exception.VolumeNotAttached) as exc:
            raise exception.InvalidVolume(reason=exc.format_message()) from exc
        instance = Instance.get_by_uuid(context, users[0])
        state_checks.check(context, instance, "assisted snapshot")

    def _report(self, context: RequestContext, snapshot_id: str, status: str) -> None:
        LOG.warning(
            "Snapshot %s: no host can make or delete it: only volumes in files have such snapshots",
            snapshot_id,
        )
        try:
            self.volume_api.set_snapshot_status(context, snapshot_id, status)
        except exception.SnapshotNotFound:
            LOG.info("Snapshot %s: Cinder does not know it", snapshot_id)
