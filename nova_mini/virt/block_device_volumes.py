"""Create, attach and detach the volumes of servers, with Cinder and a driver.

All steps are idempotent: they use an attachment that Cinder already has, a connection that already
exists, and a volume that was already created.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oslo_utils import timeutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced
from nova_mini.virt.block_device_info import VolumeDisk
from nova_mini.volume import creation
from nova_mini.volume.connection_info import ConnectionInfo, VolumeFlags

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.virt.driver import ComputeDriver
    from nova_mini.volume import cinder

# Cinder's status of an attachment that is complete, and of one that is not connected.
ATTACHED, RESERVED = "attached", "reserved"
# The API may still be creating the volumes of a server (boot_volumes) for so long after the server
# was created, although a conductor has already sent the build to a host.
_REQUEST_SECONDS = 30


def stored_connection(bdm: BlockDeviceMapping) -> ConnectionInfo:
    """The connection_info of the mapping's volume; empty if it has none. It may hold secrets."""
    return json.loads(bdm.connection_info) if bdm.connection_info else {}


def connection_to_store(
    attachment: cinder.Attachment, serial: str, flags: VolumeFlags | None = None
) -> ConnectionInfo:
    """The connection_info of an attachment, in the form that a mapping stores. ``serial``: the
    serial number that the guest sees, a volume id. ``flags``: see :func:`volume_flags`."""
    return {**attachment.connection_info, "serial": serial, **(flags or VolumeFlags())}


def volume_flags(
    context: RequestContext, volume: cinder.Volume, volume_api: cinder.API
) -> VolumeFlags:
    """Raises VolumeEncryptionNotSupported."""
    flags = _flags(multiattach=volume.multiattach, readonly=volume.readonly)
    if volume.encrypted:
        flags["encryption"] = volume_api.get_encryption(context, volume.id)
    return flags


def stored_flags(bdm: BlockDeviceMapping) -> VolumeFlags:
    """The flags that are stored in the mapping; see :func:`volume_flags`."""
    stored = stored_connection(bdm)
    flags = _flags(
        multiattach=stored.get("multiattach", False), readonly=stored.get("readonly", False)
    )
    if "encryption" in stored:
        flags["encryption"] = stored["encryption"]
    return flags


def _flags(*, multiattach: bool, readonly: bool) -> VolumeFlags:
    """Only the flags that are true: the others are not stored."""
    flags = VolumeFlags()
    if multiattach:
        flags["multiattach"] = True
    if readonly:
        flags["readonly"] = True
    return flags


def store_connection(bdm: BlockDeviceMapping, connection_info: ConnectionInfo) -> None:
    """Set it in the mapping, which the caller saves."""
    bdm.connection_info = json.dumps(connection_info)


class DriverVolumeBlockDevice:
    """A volume that exists already; ``bdm`` is the server's mapping of it."""

    def __init__(self, bdm: BlockDeviceMapping):
        self._bdm = bdm

    @property
    def connection_info(self) -> ConnectionInfo:
        return stored_connection(self._bdm)

    def get_disk(self) -> VolumeDisk:
        """The volume in the form that a driver takes."""
        bdm = self._bdm
        return VolumeDisk(
            device_name=bdm.device_name,
            disk_bus=bdm.disk_bus,
            tag=bdm.tag,
            connection_info=self.connection_info,
            device_type=bdm.device_type,
            boot_index=bdm.boot_index,
        )

    # -- attach ----------------------------------------------------------------------------------

    @traced("DriverVolumeBlockDevice.attach")
    def attach(
        self,
        context: RequestContext,
        instance: Instance,
        volume_api: cinder.API,
        virt_driver: ComputeDriver,
        on_timed_out_volume: Callable[[str], None],
        *,
        do_driver_attach: bool = False,
    ) -> None:
        """Create the volume if needed, reserve it, connect it to this host and complete the
        attachment.

        ``on_timed_out_volume(volume_id)`` is called before a volume that Cinder did not create in
        time is deleted and another one is requested; it may be called again after a crash.
        ``do_driver_attach``: also attach it to an existing guest. Raises what Cinder's API and the
        driver raise.
        """
        volume = self._get_volume(context, instance, volume_api, on_timed_out_volume)
        flags = volume_flags(context, volume, volume_api)
        self.reserve(context, instance, volume_api)
        self._do_attach(context, instance, volume, flags, volume_api, virt_driver, do_driver_attach)

    def _get_volume(
        self,
        context: RequestContext,
        instance: Instance,
        volume_api: cinder.API,
        on_timed_out_volume: Callable[[str], None],
    ) -> cinder.Volume:
        return volume_api.get(context, self._bdm.volume_id)

    def reserve(self, context: RequestContext, instance: Instance, volume_api: cinder.API) -> None:
        """Ensure that Cinder has exactly one attachment of the volume to this server, and store
        its id."""
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

    def _find_attachments(
        self, context: RequestContext, instance: Instance, volume_api: cinder.API
    ) -> list[cinder.Attachment]:
        """Cinder's attachments of the volume to this server, including those whose ids are not
        stored because Cinder's answer was lost."""
        attachments = volume_api.attachments_of(context, instance.uuid)
        return [each for each in attachments if each.volume_id == self._bdm.volume_id]

    @traced("DriverVolumeBlockDevice.keep_reserved")
    def replace_with_reservation(
        self, context: RequestContext, instance: Instance, volume_api: cinder.API
    ) -> None:
        """Replace the attachment of the volume by one that only reserves it for the server.

        The volume must be disconnected from the host already. The new attachment is created and
        stored before the old one is deleted, so that no other server can take the volume.
        """
        bdm = self._bdm
        found = self._find_attachments(context, instance, volume_api)
        reserved = next((each for each in found if each.status == RESERVED), None)
        if reserved is None:
            reserved = volume_api.attachment_create(context, bdm.volume_id, instance.uuid)
        bdm.attachment_id, bdm.connection_info = reserved.id, None
        try:
            bdm.save()
        except exception.BlockDeviceMappingNotFound:  # the server was deleted meanwhile
            volume_api.attachment_delete(context, reserved.id)
            raise
        for each in found:
            if each.id != reserved.id:
                volume_api.attachment_delete(context, each.id)

    @traced("DriverVolumeBlockDevice._do_attach")
    def _do_attach(
        self,
        context: RequestContext,
        instance: Instance,
        volume: cinder.Volume,
        flags: VolumeFlags,
        volume_api: cinder.API,
        virt_driver: ComputeDriver,
        do_driver_attach: bool,
    ) -> None:
        connector = virt_driver.get_volume_connector(instance)
        attachment = self._volume_attach(context, volume, flags, volume_api, connector)
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

    @traced("DriverVolumeBlockDevice._volume_attach")
    def _volume_attach(
        self,
        context: RequestContext,
        volume: cinder.Volume,
        flags: VolumeFlags,
        volume_api: cinder.API,
        connector: dict[str, Any],
    ) -> cinder.Attachment:
        """Send this host's connector to Cinder and store the connection_info of the answer.

        It is stored before the host connects, so that a crash leaves a record of what to
        disconnect.
        """
        bdm = self._bdm
        if bdm.connection_info:  # stored by an earlier attempt
            attachment = volume_api.attachment_get(context, bdm.attachment_id)
        else:
            attachment = volume_api.attachment_update(
                context, bdm.attachment_id, connector, bdm.device_name
            )
        store_connection(bdm, connection_to_store(attachment, bdm.volume_id, flags))
        bdm.volume_size = volume.size
        bdm.save()
        return attachment

    def refresh_connection_info(self, context: RequestContext, volume_api: cinder.API) -> None:
        """Store Cinder's present connection_info if it has changed.

        Raises InvalidVolume when the attachment does not exist in Cinder any more.
        """
        bdm = self._bdm
        try:
            attachment = volume_api.attachment_get(context, bdm.attachment_id)
        except exception.VolumeAttachmentNotFound as exc:
            raise exception.InvalidVolume(
                reason=f"the volume service has no attachment of volume {bdm.volume_id} to the "
                "server any more; detach the volume from the server"
            ) from exc
        stored = self.connection_info
        if attachment.connection_info and attachment.connection_info["data"] != stored["data"]:
            flags = stored_flags(bdm)
            store_connection(bdm, connection_to_store(attachment, bdm.volume_id, flags))
            bdm.save()

    # -- detach ----------------------------------------------------------------------------------

    @traced("DriverVolumeBlockDevice.detach")
    def detach(
        self,
        context: RequestContext,
        instance: Instance,
        volume_api: cinder.API,
        virt_driver: ComputeDriver,
    ) -> None:
        """Detach the volume from the guest and the host, and delete its attachment in Cinder.
        Idempotent."""
        self.driver_detach(context, instance, virt_driver)
        self.release(context, instance, volume_api)

    @traced("DriverVolumeBlockDevice.driver_detach")
    def driver_detach(
        self, context: RequestContext, instance: Instance, virt_driver: ComputeDriver
    ) -> None:
        if self._bdm.connection_info:
            virt_driver.detach_volume(
                context, self.connection_info, instance, self._bdm.device_name
            )

    @traced("DriverVolumeBlockDevice.release")
    def release(self, context: RequestContext, instance: Instance, volume_api: cinder.API) -> None:
        """Delete all attachments of the volume to this server in Cinder, and clear the mapping."""
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
    """A volume that is created for the server, from the source that ``_source`` returns."""

    def _source(self) -> dict[str, Any]:
        return {}

    def _get_volume(
        self,
        context: RequestContext,
        instance: Instance,
        volume_api: cinder.API,
        on_timed_out_volume: Callable[[str], None],
    ) -> cinder.Volume:
        volume = self._find_or_create(context, instance, volume_api)
        if self._bdm.attachment_id:
            return volume
        volume = _wait_for_creation(context, instance, volume_api, volume)
        if creation.has_timed_out(volume):
            on_timed_out_volume(volume.id)
            self._discard(context, volume_api, volume)
            volume = self._create(context, instance, volume_api)
            volume = _wait_for_creation(context, instance, volume_api, volume)
        if volume.status not in creation.USABLE:
            raise exception.VolumeNotCreated(volume_id=volume.id, volume_status=volume.status)
        return volume

    def _find_or_create(
        self, context: RequestContext, instance: Instance, volume_api: cinder.API
    ) -> cinder.Volume:
        """The volume that an earlier attempt requested, else a new one."""
        bdm = self._bdm
        if bdm.volume_id:
            return volume_api.get(context, bdm.volume_id)
        volume = volume_api.find_by_mapping(context, bdm.uuid)
        if volume is None:
            return self._create(context, instance, volume_api)
        self._save_id(volume)
        return volume

    def _create(
        self, context: RequestContext, instance: Instance, volume_api: cinder.API
    ) -> cinder.Volume:
        volume = self._request_volume(context, instance, volume_api)
        self._save_id(volume)
        return volume

    def _save_id(self, volume: cinder.Volume) -> None:
        self._bdm.volume_id = volume.id
        self._bdm.save()

    @traced("_NewVolume._forget")
    def _discard(
        self, context: RequestContext, volume_api: cinder.API, volume: cinder.Volume
    ) -> None:
        """Delete a volume that was not created in time. Its id is cleared first, so that a process
        which resumes the build does not look for it."""
        self._bdm.volume_id = None
        self._bdm.save()
        volume_api.delete(context, volume.id, force=True)

    def _request_volume(
        self, context: RequestContext, instance: Instance, volume_api: cinder.API
    ) -> cinder.Volume:
        """Raises ActionInterrupted, BuildAbortException without the user's token."""
        if not context.auth_token and CONF.api.auth_strategy != "noauth2":
            # A volume of a project is created with its user's token, which is stored nowhere: it
            # was lost with the process that died.
            if not timeutils.is_older_than(instance.created_at, _REQUEST_SECONDS):
                raise exception.ActionInterrupted(reason="the API may still be creating its volume")
            raise exception.BuildAbortException(
                instance_uuid=instance.uuid,
                reason="the build was interrupted before its volume was created; create the "
                "server again",
            )
        zone = None if CONF.cinder.cross_az_attach else instance.availability_zone
        return volume_api.create(
            context,
            self._bdm.volume_size,
            mapping_uuid=self._bdm.uuid,
            volume_type=self._bdm.volume_type,
            availability_zone=zone,
            **self._source(),
        )


class DriverVolSnapshotBlockDevice(_NewVolume):
    def _source(self) -> dict[str, Any]:
        return {"snapshot_id": self._bdm.snapshot_id}


class DriverVolImageBlockDevice(_NewVolume):
    def _source(self) -> dict[str, Any]:
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
    """The object that handles a mapping with ``destination_type`` volume."""
    return _BY_SOURCE[bdm.source_type](bdm)


@traced("_await_made")
def _wait_for_creation(
    context: RequestContext, instance: Instance, volume_api: cinder.API, volume: cinder.Volume
) -> cinder.Volume:
    """Wait until Cinder has created the volume.

    Raises InstanceNotFound when the server is being deleted: the deletion waits for this build.
    """

    def check() -> None:
        if Instance.get_by_uuid(context, instance.uuid).task_state == "deleting":
            raise exception.InstanceNotFound(instance_id=instance.uuid)

    retries = CONF.cinder.block_device_allocate_retries
    return creation.wait_for_creation(context, volume_api, volume, retries, check)
