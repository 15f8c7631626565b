"""Another volume in the place of an attached one, under a guest that goes on running.

Until both hold the same, everything can be taken back. Then the mapping is written over to the new
volume (the commit), and whatever dies after that, it only goes forward.

Cinder asks for it when it moves a volume that is in use. It gives the new place the old volume's
id then, so the mapping follows what Cinder says of the attachment.
"""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.compute.operation import LOST, is_first_attempt, will_be_tried_again
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.trace import traced
from nova_mini.virt import block_device_volumes

LOG = logging.getLogger(__name__)


def swap_volume(
    manager, context, instance, bdm_uuid: str, old_volume_id: str, old_attachment_id: str,
    new_volume_id: str,
) -> None:  # fmt: skip
    """Done again after a crash it goes on where it was."""
    bdm = BlockDeviceMapping.get_by_uuid(context, bdm_uuid)
    swap = _Swap(manager, context, instance, bdm, old_volume_id, old_attachment_id, new_volume_id)
    if bdm is None:  # detached meanwhile: neither of them is the server's any more
        swap.release_both()
        return
    try:
        swap.run()
    except Exception as exc:
        if not (swap.is_committed or isinstance(exc, LOST) or will_be_tried_again(exc)):
            LOG.warning("Volume %s is not swapped: %s", old_volume_id, exc)
            swap.take_back()
        raise
    volumes = {"old_volume_id": old_volume_id, "new_volume_id": new_volume_id}
    notify_about_instance_usage(context, instance, "volume.swap", extra=volumes)


class _Swap:
    def __init__(self, manager, context, instance, bdm, old_volume_id, old_attachment_id,
                 new_volume_id):  # fmt: skip
        self._driver = manager.driver
        self._volume_api = manager.volume_api
        self._context = context
        self._instance = instance
        self._bdm = bdm
        self._old_volume_id = old_volume_id
        self._old_attachment_id = old_attachment_id
        self._new_volume_id = new_volume_id

    @property
    def is_committed(self) -> bool:
        return self._bdm.attachment_id != self._old_attachment_id

    def run(self) -> None:
        attachment = self._reserve()
        if attachment.volume_id == self._new_volume_id:
            self._swap(attachment)
        self._follow(attachment.id)

    @traced
    def _reserve(self):
        """The attachment of the new volume; the API made it, or died before it could."""
        api, context = self._volume_api, self._context
        if self.is_committed:
            return api.attachment_get(context, self._bdm.attachment_id)
        found = self._attachments_of(self._new_volume_id)
        if found:
            return api.attachment_get(context, found[0].id)
        if is_first_attempt():
            raise exception.ActionInterrupted(reason="the new volume is not reserved yet")
        return api.attachment_create(context, self._new_volume_id, self._instance.uuid)

    def _attachments_of(self, volume_id: str) -> list:
        every = self._volume_api.attachments_of(self._context, self._instance.uuid)
        return [each for each in every if each.volume_id == volume_id]

    @traced
    def _swap(self, attachment) -> None:
        api, context, bdm = self._volume_api, self._context, self._bdm
        new = api.get(context, self._new_volume_id)
        is_larger = new.size > api.get(context, self._old_volume_id).size
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

    def _connect(self, attachment, new) -> dict:
        if not attachment.connection_info:
            connector = self._driver.get_volume_connector(self._instance)
            attachment = self._volume_api.attachment_update(
                self._context, attachment.id, connector, self._bdm.device_name
            )
        flags = block_device_volumes.flags_of(new)
        return block_device_volumes.kept(attachment, new.id, flags)

    def _old_connection_info(self) -> dict | None:
        """None when it is disconnected: Cinder forgets it last."""
        try:
            old = self._volume_api.attachment_get(self._context, self._old_attachment_id)
        except exception.VolumeAttachmentNotFound:
            return None
        if not old.connection_info:
            return None
        return block_device_volumes.kept(old, self._old_volume_id)

    @traced
    def _commit(self, attachment_id: str, new, connection_info: dict) -> None:
        bdm = self._bdm
        bdm.volume_id, bdm.attachment_id, bdm.volume_size = new.id, attachment_id, new.size
        block_device_volumes.keep(bdm, connection_info)
        bdm.save()

    @traced
    def _complete_migration(self) -> None:
        """Tell Cinder, where it was Cinder who asked."""
        state = self._migration_status()
        if state == "completing":  # it was told, and is at it
            raise exception.ActionInterrupted(reason="Cinder completes the migration")
        if state == "migrating":
            self._volume_api.migrate_volume_completion(
                self._context, self._old_volume_id, self._new_volume_id, error=False
            )

    def _migration_status(self) -> str | None:
        try:
            old = self._volume_api.get(self._context, self._old_volume_id, as_service=True)
        except exception.VolumeNotFound:  # its user has deleted it since it is free
            return None
        return old.migration_status

    @traced
    def _follow(self, attachment_id: str) -> None:
        attachment = self._volume_api.attachment_get(self._context, attachment_id)
        if attachment.volume_id != self._bdm.volume_id:
            self._bdm.volume_id = attachment.volume_id
            flags = block_device_volumes.kept_flags(self._bdm)
            kept = block_device_volumes.kept(attachment, attachment.volume_id, flags)
            block_device_volumes.keep(self._bdm, kept)
            self._bdm.save()

    # -- the way back ----------------------------------------------------------------------------

    @traced
    def take_back(self) -> None:
        """The guest has the old volume, as if nothing had been asked."""
        api, context = self._volume_api, self._context
        for each in self._attachments_of(self._new_volume_id):
            attachment = api.attachment_get(context, each.id)
            if attachment.connection_info:
                connection_info = block_device_volumes.kept(attachment, self._new_volume_id)
                self._driver.give_up_swap(
                    context, connection_info, self._instance, self._bdm.device_name
                )
            api.attachment_delete(context, attachment.id)
        if self._migration_status() == "migrating":
            api.migrate_volume_completion(
                context, self._old_volume_id, self._new_volume_id, error=True
            )
        else:
            api.roll_detaching(context, self._old_volume_id)

    def release_both(self) -> None:
        for volume_id in (self._old_volume_id, self._new_volume_id):
            for each in self._attachments_of(volume_id):
                self._volume_api.attachment_delete(self._context, each.id)
