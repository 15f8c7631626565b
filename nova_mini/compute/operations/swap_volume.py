"""Replace an attached volume by another one while the guest runs.

Until both volumes have the same data, everything can be undone. Then the commit changes the mapping
to the new volume. After the commit, a repeated operation only goes forward.

Cinder requests a swap when it migrates a volume that is in use. At the end of the migration, Cinder
gives the new volume the id of the old one, so the mapping takes the volume id of the attachment.
"""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.actions.parameters import SwapVolumeParameters
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.trace import traced
from nova_mini.virt import block_device_volumes
from nova_mini.volume import encryption
from nova_mini.volume.cinder import Attachment, Volume
from nova_mini.volume.connection_info import ConnectionInfo

LOG = logging.getLogger(__name__)


def swap_volume(op: HostOperation, parameters: SwapVolumeParameters) -> None:
    """Idempotent: repeated after a crash, it continues where it was interrupted."""
    bdm = BlockDeviceMapping.get_by_uuid(op.context, parameters.bdm_uuid)
    if bdm is None:  # detached meanwhile
        _release_both(op, parameters)
        return
    volumes = {
        "old_volume_id": parameters.old_volume_id,
        "new_volume_id": parameters.new_volume_id,
    }
    swap = _Swap(op, bdm, parameters)
    with op.notified("volume_swap", **volumes), op.compensate(swap.undo):
        swap.run()
    op.notify("volume.swap", extra=volumes)


def _release_both(op: HostOperation, parameters: SwapVolumeParameters) -> None:
    """Delete Cinder's attachments of both volumes to the server."""
    volume_ids = (parameters.old_volume_id, parameters.new_volume_id)
    for each in op.host.volume_api.attachments_of(op.context, op.instance.uuid):
        if each.volume_id in volume_ids:
            op.host.volume_api.attachment_delete(op.context, each.id)


class _Swap:
    def __init__(
        self, op: HostOperation, bdm: BlockDeviceMapping, parameters: SwapVolumeParameters
    ):
        self._is_first_attempt = op.is_first_attempt
        self._driver = op.host.driver
        self._volume_api = op.host.volume_api
        self._context = op.context
        self._instance = op.instance
        self._bdm = bdm
        self._old_volume_id = parameters.old_volume_id
        self._old_attachment_id = parameters.old_attachment_id
        self._new_volume_id = parameters.new_volume_id

    @property
    def is_committed(self) -> bool:
        return self._bdm.attachment_id != self._old_attachment_id

    def run(self) -> None:
        attachment = self._reserve()
        if attachment.volume_id == self._new_volume_id:
            self._swap(attachment)
        self._update_volume_id(attachment.id)

    @traced("_Swap._reserve")
    def _reserve(self) -> Attachment:
        """Return the attachment of the new volume. The API creates it, unless it died before."""
        api, context = self._volume_api, self._context
        if self.is_committed:
            return api.attachment_get(context, self._bdm.attachment_id)
        found = self._attachments_of(self._new_volume_id)
        if found:
            return api.attachment_get(context, found[0].id)
        if self._is_first_attempt:
            raise exception.ActionInterrupted(reason="the new volume is not reserved yet")
        return api.attachment_create(context, self._new_volume_id, self._instance.uuid)

    def _attachments_of(self, volume_id: str) -> list[Attachment]:
        every = self._volume_api.attachments_of(self._context, self._instance.uuid)
        return [each for each in every if each.volume_id == volume_id]

    @traced("_Swap._swap")
    def _swap(self, attachment: Attachment) -> None:
        api, context, bdm = self._volume_api, self._context, self._bdm
        new, old = api.get(context, self._new_volume_id), api.get(context, self._old_volume_id)
        for volume in (old, new):
            encryption.check_swap(volume.id, volume.encrypted)
        is_larger = new.size > old.size
        connection_info = self._connect(attachment, new)
        self._driver.swap_volume(
            context,
            self._old_connection_info(),
            connection_info,
            self._instance,
            bdm.device_name,
            is_larger=is_larger,
            commit=None
            if self.is_committed
            else lambda: self._commit(attachment.id, new, connection_info),
        )
        if attachment.status != block_device_volumes.ATTACHED:
            api.attachment_complete(context, attachment.id)
        api.attachment_delete(context, self._old_attachment_id)
        self._complete_migration()

    def _connect(self, attachment: Attachment, new: Volume) -> ConnectionInfo:
        if not attachment.connection_info:
            connector = self._driver.get_volume_connector(self._instance)
            attachment = self._volume_api.attachment_update(
                self._context, attachment.id, connector, self._bdm.device_name
            )
        flags = block_device_volumes.volume_flags(self._context, new, self._volume_api)
        return block_device_volumes.connection_to_store(attachment, new.id, flags)

    def _old_connection_info(self) -> ConnectionInfo | None:
        """Return None if it is disconnected already; Cinder's attachment is deleted last."""
        try:
            old = self._volume_api.attachment_get(self._context, self._old_attachment_id)
        except exception.VolumeAttachmentNotFound:
            return None
        if not old.connection_info:
            return None
        return block_device_volumes.connection_to_store(old, self._old_volume_id)

    @traced("_Swap._commit")
    def _commit(self, attachment_id: str, new: Volume, connection_info: ConnectionInfo) -> None:
        bdm = self._bdm
        bdm.volume_id, bdm.attachment_id, bdm.volume_size = new.id, attachment_id, new.size
        block_device_volumes.store_connection(bdm, connection_info)
        bdm.save()

    @traced("_Swap._complete_migration")
    def _complete_migration(self) -> None:
        """Complete the migration in Cinder, if Cinder requested the swap."""
        state = self._migration_status()
        if state == "completing":  # a first call has begun it
            raise exception.ActionInterrupted(reason="Cinder completes the migration")
        if state == "migrating":
            self._volume_api.migrate_volume_completion(
                self._context, self._old_volume_id, self._new_volume_id, error=False
            )

    def _migration_status(self) -> str | None:
        try:
            old = self._volume_api.get(self._context, self._old_volume_id, as_service=True)
        except exception.VolumeNotFound:  # deleted by its user after its release
            return None
        return old.migration_status

    @traced("_Swap._follow")
    def _update_volume_id(self, attachment_id: str) -> None:
        attachment = self._volume_api.attachment_get(self._context, attachment_id)
        if attachment.volume_id != self._bdm.volume_id:
            self._bdm.volume_id = attachment.volume_id
            flags = block_device_volumes.stored_flags(self._bdm)
            connection_info = block_device_volumes.connection_to_store(
                attachment, attachment.volume_id, flags
            )
            block_device_volumes.store_connection(self._bdm, connection_info)
            self._bdm.save()

    # -- undo ------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Roll back, unless the swap is committed."""
        if not self.is_committed:
            self._roll_back()

    @traced("_Swap.take_back")
    def _roll_back(self) -> None:
        """Restore the state before the request: the guest keeps the old volume."""
        api, context = self._volume_api, self._context
        for each in self._attachments_of(self._new_volume_id):
            attachment = api.attachment_get(context, each.id)
            if attachment.connection_info:
                connection_info = block_device_volumes.connection_to_store(
                    attachment, self._new_volume_id
                )
                self._driver.undo_swap_volume(
                    context, connection_info, self._instance, self._bdm.device_name
                )
            api.attachment_delete(context, attachment.id)
        if self._migration_status() == "migrating":
            api.migrate_volume_completion(
                context, self._old_volume_id, self._new_volume_id, error=True
            )
        else:
            api.roll_detaching(context, self._old_volume_id)
