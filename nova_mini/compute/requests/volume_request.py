"""Checks and steps of requests to attach, detach and swap volumes of an existing server."""

from __future__ import annotations

from dataclasses import dataclass, field

from oslo_utils import uuidutils

from nova_mini import exception, service_auth
from nova_mini.context import RequestContext
from nova_mini.external import volume_mapping
from nova_mini.objects.block_device_mapping import (
    BlockDeviceMapping,
    BlockDeviceMappingList,
    RequestedVolume,
)
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced
from nova_mini.volume import cinder, encryption
from nova_mini.volume.cinder import check_attach


@dataclass(slots=True, kw_only=True)
class AttachRequest:
    """``device`` is the requested device name; ``supports_multiattach``: the request has an API
    version that supports volumes with several servers. ``needs_device``: the response has the name
    of the device, so it waits for the host."""

    volume_id: str
    device: str | None = None
    tag: str | None = None
    delete_on_termination: bool = False
    supports_multiattach: bool = False
    needs_device: bool = True
    bdm_uuid: str = field(default_factory=uuidutils.generate_uuid)

    def mapping(self) -> RequestedVolume:
        return {
            "uuid": self.bdm_uuid,
            "volume_id": self.volume_id,
            "device_name": self.device,
            "device_type": "disk",
            "tag": self.tag,
            "delete_on_termination": self.delete_on_termination,
        }


def check_volume_service() -> None:
    """Raises InvalidInput if Cinder is not configured."""
    if not service_auth.is_configured("cinder"):
        raise exception.InvalidInput(
            reason="this cloud has no volume service; use local disks instead of volumes"
        )


def check_volume(
    context: RequestContext, volume_api: cinder.API, instance: Instance, request: AttachRequest
) -> None:
    """Check that the volume can be attached to the server. Cinder checks again in :func:`reserve`.

    Raises VolumeNotFound, InvalidVolume, VolumeEncryptionNotSupported,
    MultiattachNotSupported, and for a server on no host VolumeTaggedAttachToShelvedNotSupported,
    MultiattachToShelvedNotSupported.
    """
    check_volume_service()
    volume = volume_api.get(context, request.volume_id)
    if volume.multiattach and not request.supports_multiattach:
        raise exception.MultiattachNotSupported(volume_id=volume.id)
    if instance.host is None:
        _check_without_host(volume, request)
    check_attach(volume, instance.availability_zone)
    if volume.encrypted:
        volume_api.get_encryption(context, volume.id)


def _check_without_host(volume: cinder.Volume, request: AttachRequest) -> None:
    """Reject features that depend on the host."""
    if request.tag:
        raise exception.VolumeTaggedAttachToShelvedNotSupported()
    if volume.multiattach:
        raise exception.MultiattachToShelvedNotSupported()


# -- the mapping ---------------------------------------------------------------------------------


@traced("create_mapping")
def create_mapping(
    context: RequestContext, instance: Instance, request: AttachRequest, action_id: int
) -> BlockDeviceMapping:
    """Create the BlockDeviceMapping of a volume without the host.

    The host checks the device name or chooses one when it attaches the volume, or when the server
    is unshelved there. Raises DevicePathInUse, and the errors of
    :func:`.volume_mapping.check_new_volume`.
    """
    requested = request.mapping()
    bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
    volume_mapping.check_new_volume(bdms, requested)
    if request.device and request.device in {bdm.device_name for bdm in bdms}:
        raise exception.DevicePathInUse(path=request.device)
    bdm = volume_mapping.new_mapping(context, instance, requested)
    bdm.create(action_id)
    return bdm


# -- swap ----------------------------------------------------------------------------------------


def check_swap(
    context: RequestContext,
    volume_api: cinder.API,
    bdm: BlockDeviceMapping,
    instance: Instance,
    new_id: str,
) -> None:
    """Check that the volume ``new_id`` can replace the volume of ``bdm``.

    Cinder checks again in :func:`reserve_swap`. Raises InvalidVolume,
    MultiattachSwapVolumeNotSupported, VolumeEncryptionNotSupported, and InvalidInput if the new
    volume does not exist.
    """
    check_volume_service()
    if not bdm.attachment_id:
        raise exception.InvalidVolume(reason=f"volume {bdm.volume_id} is not attached yet")
    old = volume_api.get(context, bdm.volume_id)
    try:
        new = volume_api.get(context, new_id)
    except exception.VolumeNotFound as exc:
        raise exception.InvalidInput(reason=exc.format_message()) from exc
    for volume in (old, new):
        encryption.check_swap(volume.id, volume.encrypted)
    check_attach(new, instance.availability_zone)
    if new.attachments:
        raise exception.InvalidVolume(reason=f"volume {new.id} is attached to another server")
    if new.size < old.size:
        raise exception.InvalidVolume(
            reason=f"volume {new.id} has {new.size} GiB, {old.size} GiB are needed"
        )
    if len(old.attachments) > 1:
        raise exception.MultiattachSwapVolumeNotSupported(volume_id=old.id)


# -- reservations in Cinder ----------------------------------------------------------------------


def reserve(
    context: RequestContext,
    volume_api: cinder.API,
    instance: Instance,
    bdm: BlockDeviceMapping,
    action_id: int,
) -> None:
    """Reserve the volume in Cinder and record the attachment in ``bdm``.

    If Cinder refuses, the mapping is deleted; raises InvalidVolume if another request has the
    volume. The save needs the unfinished action ``action_id``: a delete of the server ends all
    actions first, so it sees every reservation. Raises BlockDeviceMappingNotFound then.
    """
    try:
        attachment = volume_api.attachment_create(context, bdm.volume_id, instance.uuid)
    except exception.CinderConnectionFailed:
        raise
    except exception.NovaException:
        bdm.destroy()
        raise
    bdm.attachment_id = attachment.id
    try:
        bdm.save(action_id)
    except exception.BlockDeviceMappingNotFound:  # the server is being deleted
        volume_api.attachment_delete(context, attachment.id)
        raise


def reserve_swap(
    context: RequestContext, volume_api: cinder.API, instance: Instance, old_id: str, new_id: str
) -> None:
    """Reserve both volumes: the old one to be detached, the new one to be attached. If Cinder
    refuses, both are as before."""
    volume_api.begin_detaching(context, old_id)
    try:
        volume_api.attachment_create(context, new_id, instance.uuid)
    except exception.NovaException as exc:
        if is_refusal(exc):
            volume_api.roll_detaching(context, old_id)
        raise


def is_reserved(context: RequestContext, volume_api: cinder.API, bdm: BlockDeviceMapping) -> bool:
    """Whether the volume is reserved in Cinder for the server, or is about to be. An administrator
    may have deleted the attachment there."""
    if bdm.attachment_id is None:
        return True
    try:
        volume_api.attachment_get(context, bdm.attachment_id)
    except exception.VolumeAttachmentNotFound:
        return False
    return True


def find_reserved(context: RequestContext, request: AttachRequest) -> BlockDeviceMapping | None:
    """Return the mapping if its volume is reserved, by this process or by a host that was restarted
    and has resumed the action."""
    bdm = BlockDeviceMapping.get_by_uuid(context, request.bdm_uuid)
    return bdm if bdm and bdm.attachment_id else None


def is_refusal(exc: Exception) -> bool:
    """Whether a host or Cinder refused. Without an answer, it may have done the work."""
    return isinstance(exc, exception.NovaException) and not isinstance(
        exc, exception.CinderConnectionFailed
    )


def check_detach(bdm: BlockDeviceMapping) -> None:
    """Raises Forbidden for a root disk."""
    if bdm.is_root:
        raise exception.Forbidden("Cannot detach a root device volume")
