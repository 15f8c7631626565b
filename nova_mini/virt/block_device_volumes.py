"""Volumes of servers on their way between Cinder and a hypervisor.

Every step asks what is there: an attachment that Cinder has is adopted, a connection that was made
is used, a volume that was created is found again. So all of it may be done twice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from oslo_utils import timeutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.trace import traced
from nova_mini.volume import creation

LOG = logging.getLogger(__name__)

_FLAGS = ("multiattach", "readonly")
# What Cinder says of an attachment that is complete, and of one that nobody has connected.
ATTACHED, RESERVED = "attached", "reserved"
# How long the request for a server may wait for Cinder to make its volumes (boot_volumes), when a
# conductor that takes it for lost has sent the build to a host already.
_REQUEST_SECONDS = 30


def connection_of(bdm: BlockDeviceMapping) -> dict:
    """How this host reaches the volume: empty until Cinder said so. It may hold keys."""
    return json.loads(bdm.connection_info) if bdm.connection_info else {}


def kept(attachment, serial: str, flags: Mapping[str, bool] | None = None) -> dict:
    """What is kept of an attachment's connection; ``serial`` is what the guest sees of the
    volume's id, ``flags`` what its connection does not tell (see :func:`flags_of`)."""
    return {**attachment.connection_info, "serial": serial, **(flags or {})}


def flags_of(volume) -> dict[str, bool]:
    """``multiattach`` and ``readonly``, each where it is so."""
    return {name: True for name in _FLAGS if getattr(volume, name)}


def kept_flags(bdm: BlockDeviceMapping) -> dict[str, bool]:
    """The same, as the record has them."""
    known = connection_of(bdm)
    return {name: True for name in _FLAGS if known.get(name)}


def keep(bdm: BlockDeviceMapping, connection_info: dict) -> None:
    bdm.connection_info = json.dumps(connection_info)


class DriverVolumeBlockDevice:
    """A volume that is there already; ``bdm`` is its record."""

    def __init__(self, bdm: BlockDeviceMapping):
        self._bdm = bdm

    @property
    def connection_info(self) -> dict:
        return connection_of(self._bdm)

    def get_info(self) -> dict:
        """An item of ``block_device_info["block_device_mapping"]``."""
        bdm = self._bdm
        return {
            "connection_info": self.connection_info,
            "mount_device": bdm.device_name,
            "boot_index": bdm.boot_index,
            "disk_bus": bdm.disk_bus,
            "device_type": bdm.device_type,
            "guest_format": bdm.guest_format,
            "tag": bdm.tag,
        }

    # -- attach ----------------------------------------------------------------------------------

    @traced
    def attach(
        self, context, instance, volume_api, virt_driver, *, do_driver_attach: bool = False
    ) -> None:
        """Up to a volume that is in use at this host; ``do_driver_attach``: in a guest that is
        there already. Raises what Cinder and the driver raise."""
        volume = self._get_volume(context, instance, volume_api)
        if volume.encrypted:
            raise exception.VolumeEncryptionNotSupported(volume_id=volume.id)
        self.reserve(context, instance, volume_api)
        self._do_attach(context, instance, volume, volume_api, virt_driver, do_driver_attach)

    def _get_volume(self, context, instance, volume_api):
        return volume_api.get(context, self._bdm.volume_id)

    def reserve(self, context, instance, volume_api) -> None:
        """See that Cinder has exactly one attachment for this server, and that we know it."""
        if self._bdm.attachment_id:
            return
        found = self._find_attachments(context, instance, volume_api)
        for surplus in found[1:]:
            volume_api.attachment_delete(context, surplus.id)
        attachment = (
            found[0]
            if found
            else volume_api.attachment_create(context, self._bdm.volume_id, instance.uuid)
        )
        self._bdm.attachment_id = attachment.id
        self._bdm.save()

    def _find_attachments(self, context, instance, volume_api) -> list:
        """Those that Cinder has for this server, also when the answer that told of them was lost.
        Cinder is the one who knows."""
        every = volume_api.attachments_of(context, instance.uuid)
        return [each for each in every if each.volume_id == self._bdm.volume_id]

    @traced
    def keep_reserved(self, context, instance, volume_api) -> None:
        """The volume stays the server's, and no host has it: a fresh attachment is made and on
        record before the old one goes, so that it is the server's all the time.

        For a volume that is disconnected from the host already.
        """
        bdm = self._bdm
        known = self._find_attachments(context, instance, volume_api)
        free = next((each for each in known if each.status == RESERVED), None)
        held = free or volume_api.attachment_create(context, bdm.volume_id, instance.uuid)
        bdm.attachment_id, bdm.connection_info = held.id, None
        try:
            bdm.save()
        except exception.BlockDeviceMappingNotFound:  # the server was deleted meanwhile
            volume_api.attachment_delete(context, held.id)
            raise
        for each in known:
            if each.id != held.id:
                volume_api.attachment_delete(context, each.id)

    @traced
    def _do_attach(
        self, context, instance, volume, volume_api, virt_driver, do_driver_attach: bool
    ) -> None:
        connector = virt_driver.get_volume_connector(instance)
        attachment = self._volume_attach(context, volume, volume_api, connector)
        if do_driver_attach:
            virt_driver.attach_volume(
                context,
                self.connection_info,
                instance,
                self._bdm.device_name,
                disk_bus=self._bdm.disk_bus,
                device_type=self._bdm.device_type,
            )
        if attachment.status != ATTACHED:
            volume_api.attachment_complete(context, attachment.id)

    @traced
    def _volume_attach(self, context, volume, volume_api, connector: dict):
        """Tell Cinder who connects and keep its answer, before anything is connected: whatever
        happens then, the record says what to take down."""
        bdm = self._bdm
        if bdm.connection_info:  # an earlier attempt came this far
            attachment = volume_api.attachment_get(context, bdm.attachment_id)
        else:
            attachment = volume_api.attachment_update(
                context, bdm.attachment_id, connector, bdm.device_name
            )
        keep(bdm, kept(attachment, bdm.volume_id, flags_of(volume)))
        bdm.volume_size = volume.size
        bdm.save()
        return attachment

    def refresh_connection_info(self, context, volume_api) -> None:
        """Raises InvalidVolume when Cinder does not know the attachment any more."""
        bdm = self._bdm
        try:
            attachment = volume_api.attachment_get(context, bdm.attachment_id)
        except exception.VolumeAttachmentNotFound as exc:
            raise exception.InvalidVolume(
                reason=f"volume {bdm.volume_id} was taken from the server behind its back; detach "
                "it from the server, too"
            ) from exc
        known = self.connection_info
        if attachment.connection_info and attachment.connection_info["data"] != known["data"]:
            keep(bdm, kept(attachment, bdm.volume_id, kept_flags(bdm)))
            bdm.save()

    # -- detach ----------------------------------------------------------------------------------

    @traced
    def detach(self, context, instance, volume_api, virt_driver) -> None:
        """Out of the guest, off the host, and free in Cinder. Whatever of it is done is fine."""
        self.driver_detach(context, instance, virt_driver)
        self.release(context, instance, volume_api)

    @traced
    def driver_detach(self, context, instance, virt_driver) -> None:
        if self._bdm.connection_info:
            virt_driver.detach_volume(
                context, self.connection_info, instance, self._bdm.device_name
            )

    @traced
    def release(self, context, instance, volume_api) -> None:
        """No attachment of this server is left in Cinder; the record forgets it."""
        if not self._bdm.volume_id:
            return
        if self._bdm.attachment_id:
            volume_api.attachment_delete(context, self._bdm.attachment_id)
        else:
            for each in self._find_attachments(context, instance, volume_api):
                volume_api.attachment_delete(context, each.id)
        self._bdm.attachment_id = None
        self._bdm.connection_info = None
        self._bdm.save()


class _NewVolume(DriverVolumeBlockDevice):
    """A volume that is made for the server; ``_source`` says from what."""

    def _source(self) -> dict:
        return {}

    def _get_volume(self, context, instance, volume_api):
        volume = self._ordered(context, instance, volume_api)
        if self._bdm.attachment_id:
            return volume
        volume = _await_made(context, instance, volume_api, volume)
        if creation.is_lost(volume):
            self._forget(context, instance, volume_api, volume)
            volume = self._order(context, instance, volume_api)
            volume = _await_made(context, instance, volume_api, volume)
        if volume.status not in creation.USABLE:
            raise exception.VolumeNotCreated(volume_id=volume.id, volume_status=volume.status)
        return volume

    def _ordered(self, context, instance, volume_api):
        """The volume that was asked for already; now, if none was."""
        bdm = self._bdm
        if bdm.volume_id:
            return volume_api.get(context, bdm.volume_id)
        volume = volume_api.find_made_for(context, bdm.uuid)
        if volume is None:
            return self._order(context, instance, volume_api)
        self._keep(volume)
        return volume

    def _order(self, context, instance, volume_api):
        volume = self._make(context, instance, volume_api)
        self._keep(volume)
        return volume

    def _keep(self, volume) -> None:
        self._bdm.volume_id = volume.id
        self._bdm.save()

    @traced
    def _forget(self, context, instance, volume_api, volume) -> None:
        """Before it is deleted: who takes the build up again shall not look for it."""
        details = f"Volume {volume.id} was never made: it is deleted, and another one asked for."
        LOG.warning("Instance %s: %s", instance.uuid, details)
        InstanceAction.record_leftover(context, instance.uuid, CONF.host, details)
        self._bdm.volume_id = None
        self._bdm.save()
        volume_api.delete(context, volume.id, force=True)

    def _make(self, context, instance, volume_api):
        if not context.auth_token and CONF.api.auth_strategy != "noauth2":
            # Only its user can make a volume of a project, and the user's token went with the
            # process that died.
            if not timeutils.is_older_than(instance.created_at, _REQUEST_SECONDS):
                raise exception.ActionInterrupted(reason="its volume may be being asked for")
            raise exception.BuildAbortException(
                instance_uuid=instance.uuid,
                reason="the build was interrupted before its volume was made; create the server "
                "again",
            )
        zone = None if CONF.cinder.cross_az_attach else instance.availability_zone
        return volume_api.create(
            context,
            self._bdm.volume_size,
            made_for=self._bdm.uuid,
            volume_type=self._bdm.volume_type,
            availability_zone=zone,
            **self._source(),
        )


class DriverVolSnapshotBlockDevice(_NewVolume):
    def _source(self):
        return {"snapshot_id": self._bdm.snapshot_id}


class DriverVolImageBlockDevice(_NewVolume):
    def _source(self):
        return {"image_id": self._bdm.image_id}


class DriverVolBlankBlockDevice(_NewVolume):
    pass


_BY_SOURCE = {
    "volume": DriverVolumeBlockDevice,
    "snapshot": DriverVolSnapshotBlockDevice,
    "image": DriverVolImageBlockDevice,
    "blank": DriverVolBlankBlockDevice,
}


def driver_block_device(bdm: BlockDeviceMapping) -> DriverVolumeBlockDevice:
    """For a mapping with ``destination_type`` volume."""
    return _BY_SOURCE[bdm.source_type](bdm)


@traced
def _await_made(context, instance, volume_api, volume):
    """Raises InstanceNotFound when the server is being deleted: its delete waits for us."""

    def check() -> None:
        if Instance.get_by_uuid(context, instance.uuid).task_state == "deleting":
            raise exception.InstanceNotFound(instance_id=instance.uuid)

    looks = CONF.cinder.block_device_allocate_retries
    return creation.await_made(context, volume_api, volume, looks, check)
