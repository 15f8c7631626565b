"""The block device mapping of a volume that is to be attached to a server."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import (
    BlockDeviceMapping,
    BlockDeviceMappingList,
    RequestedVolume,
)
from nova_mini.objects.instance import Instance


def check_new_volume(bdms: BlockDeviceMappingList, requested: RequestedVolume) -> None:
    """Check that a server with the disks ``bdms`` can have one more volume.

    Raises InvalidVolume if the server has that volume
    already, TooManyDiskDevices.
    """
    if any(bdm.volume_id == requested["volume_id"] for bdm in bdms):
        raise exception.InvalidVolume(
            reason=f"volume {requested['volume_id']} is attached to the server or being attached"
        )
    maximum = CONF.compute.max_disk_devices_to_attach
    if 0 <= maximum <= len(bdms):
        raise exception.TooManyDiskDevices(maximum=maximum)


def new_mapping(
    context: RequestContext, instance: Instance, requested: RequestedVolume
) -> BlockDeviceMapping:
    """Return a mapping with the fields ``requested`` that is not in the database yet."""
    return BlockDeviceMapping.new(
        context,
        instance_uuid=instance.uuid,
        source_type="volume",
        destination_type="volume",
        **requested,
    )
