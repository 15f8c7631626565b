"""What a user may do with the volumes of a server that exists."""

from __future__ import annotations

from dataclasses import dataclass, field

from oslo_utils import uuidutils

from nova_mini import exception, service_auth
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMapping, BlockDeviceMappingList
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced
from nova_mini.volume.cinder import check_attach


@dataclass(slots=True, kw_only=True)
class AttachRequest:
    """``device`` is the name that the user would like; ``supports_multiattach``: the user's API
    version knows that a volume may have several servers."""

    volume_id: str
    device: str | None = None
    tag: str | None = None
    delete_on_termination: bool = False
    supports_multiattach: bool = False
    bdm_uuid: str = field(default_factory=uuidutils.generate_uuid)

    def mapping(self) -> dict:
        """The fields of its BlockDeviceMapping that are known before the host is asked."""
        return {
            "uuid": self.bdm_uuid,
            "volume_id": self.volume_id,
            "device_name": self.device,
            "device_type": "disk",
            "tag": self.tag,
            "delete_on_termination": self.delete_on_termination,
        }


def check_volume_service() -> None:
    """Raises InvalidInput where there is no Cinder."""
    if not service_auth.is_configured("cinder"):
        raise exception.InvalidInput(
            reason="this cloud has no volume service; use local disks instead of volumes"
        )


def check_volume(context, volume_api, instance: Instance, request: AttachRequest) -> None:
    """Whether the server may have the volume; Cinder has the last word when it is reserved."""
    check_volume_service()
    volume = volume_api.get(context, request.volume_id)
    if volume.multiattach and not request.supports_multiattach:
        raise exception.MultiattachNotSupported(volume_id=volume.id)
    if instance.host is None:
        _check_without_host(volume, request)
    check_attach(volume, instance.availability_zone)


def _check_without_host(volume, request: AttachRequest) -> None:
    """What only a host could say that it can do."""
    if request.tag:
        raise exception.VolumeTaggedAttachToShelvedNotSupported()
    if volume.multiattach:
        raise exception.MultiattachToShelvedNotSupported()


# -- the mapping ---------------------------------------------------------------------------------


def check_beside(bdms: BlockDeviceMappingList, asked: dict) -> None:
    """Whether a server with these disks can have one volume more; ``asked``: its mapping's fields.

    Raises InvalidVolume when the server has that volume, TooManyDiskDevices.
    """
    if any(bdm.volume_id == asked["volume_id"] for bdm in bdms):
        raise exception.InvalidVolume(
            reason=f"volume {asked['volume_id']} is attached to the server, or about to be"
        )
    maximum = CONF.compute.max_disk_devices_to_attach
    if 0 <= maximum <= len(bdms):
        raise exception.TooManyDiskDevices(maximum=maximum)


def new_mapping(context, instance: Instance, asked: dict) -> BlockDeviceMapping:
    """Not in the database yet."""
    return BlockDeviceMapping.new(
        context,
        instance_uuid=instance.uuid,
        source_type="volume",
        destination_type="volume",
        **asked,
    )


@traced
def create_mapping(context, instance: Instance, request: AttachRequest, action_id: int):
    """The BlockDeviceMapping of a volume for a server that is on no host: the one that it comes to
    checks the name, or gives it one. Raises as :func:`check_beside`, and DevicePathInUse."""
    asked = request.mapping()
    bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
    check_beside(bdms, asked)
    if request.device and request.device in {bdm.device_name for bdm in bdms}:
        raise exception.DevicePathInUse(path=request.device)
    bdm = new_mapping(context, instance, asked)
    bdm.create(action_id)
    return bdm


# -- a volume in the place of another ------------------------------------------------------------


def check_swap(
    context, volume_api, bdm: BlockDeviceMapping, instance: Instance, new_id: str
) -> None:
    """Whether another volume may take the place of ``bdm``'s; Cinder has the last word.

    Raises InvalidVolume, MultiattachSwapVolumeNotSupported, VolumeEncryptionNotSupported, and
    InvalidInput where the new volume cannot be found.
    """
    check_volume_service()
    if not bdm.attachment_id:
        raise exception.InvalidVolume(reason=f"volume {bdm.volume_id} is not attached yet")
    old = volume_api.get(context, bdm.volume_id)
    try:
        new = volume_api.get(context, new_id)
    except exception.VolumeNotFound as exc:
        raise exception.InvalidInput(reason=exc.format_message()) from exc
    check_attach(new, instance.availability_zone)
    if new.attachments:
        raise exception.InvalidVolume(reason=f"volume {new.id} is attached to another server")
    if new.size < old.size:
        raise exception.InvalidVolume(
            reason=f"volume {new.id} has {new.size} GiB, and {old.size} are needed"
        )
    if len(old.attachments) > 1:
        raise exception.MultiattachSwapVolumeNotSupported(volume_id=old.id)


# -- Cinder's side -------------------------------------------------------------------------------


def reserve(
    context, volume_api, instance: Instance, bdm: BlockDeviceMapping, action_id: int
) -> None:
    """Nobody else can have the volume from here. Raises InvalidVolume when somebody was faster,
    and leaves no mapping behind then. Recorded while action ``action_id`` goes on: who deletes the
    server ends it first, and sees all reservations then."""
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
    except exception.BlockDeviceMappingNotFound:  # the server is deleted
        volume_api.attachment_delete(context, attachment.id)
        raise


def reserve_swap(context, volume_api, instance: Instance, old_id: str, new_id: str) -> None:
    """Nobody else can detach the old volume or have the new one from here. A refusal leaves both
    as they were."""
    volume_api.begin_detaching(context, old_id)
    try:
        volume_api.attachment_create(context, new_id, instance.uuid)
    except exception.NovaException as exc:
        if is_refusal(exc):
            volume_api.roll_detaching(context, old_id)
        raise


def is_reserved(context, volume_api, bdm: BlockDeviceMapping) -> bool:
    """Whether Cinder holds the volume for the server, or is about to; somebody may have taken it
    away there, and then it need not be asked."""
    if bdm.attachment_id is None:
        return True
    try:
        volume_api.attachment_get(context, bdm.attachment_id)
    except exception.VolumeAttachmentNotFound:
        return False
    return True


def find_reserved(context, request: AttachRequest) -> BlockDeviceMapping | None:
    """The mapping, if the volume is reserved for it: by us, or by a host that was started again
    and has gone on without us."""
    bdm = BlockDeviceMapping.get_by_uuid(context, request.bdm_uuid)
    return bdm if bdm and bdm.attachment_id else None


def is_refusal(exc: Exception) -> bool:
    """Whether a host or Cinder said no, rather than nothing at all."""
    unsure = isinstance(exc, exception.CinderConnectionFailed)
    return isinstance(exc, exception.NovaException) and not unsure


def check_detach(bdm: BlockDeviceMapping) -> None:
    """Raises Forbidden for the disk that the server runs from."""
    if bdm.is_root:
        raise exception.Forbidden("Cannot detach a root device volume")
