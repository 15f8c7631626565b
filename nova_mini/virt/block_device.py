"""The disks of a server in the form that a driver takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance_metadata import TaggedDisk
from nova_mini.trace import traced
from nova_mini.virt.block_device_info import BlockDeviceInfo, EphemeralDisk, RootDisk, SwapDisk
from nova_mini.virt.block_device_volumes import driver_block_device

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.driver import ComputeDriver
    from nova_mini.volume import cinder


def is_swap(bdm: BlockDeviceMapping) -> bool:
    return bdm.source_type == "blank" and not bdm.is_volume and bdm.guest_format == "swap"


def is_ephemeral(bdm: BlockDeviceMapping) -> bool:
    return bdm.source_type == "blank" and not bdm.is_volume and bdm.guest_format != "swap"


@traced("attach_block_devices")
def attach_block_devices(
    context: RequestContext,
    instance: Instance,
    bdms: Iterable[BlockDeviceMapping],
    volume_api: cinder.API,
    virt_driver: ComputeDriver,
    on_timed_out_volume: Callable[[str], None],
) -> None:
    """Connect every volume of a server that is being built to this host, and create the volumes
    that do not exist yet. The domain is defined afterwards.

    ``on_timed_out_volume``: see ``DriverVolumeBlockDevice.attach``.
    """
    for bdm in bdms:
        if bdm.is_volume:
            driver_block_device(bdm).attach(
                context, instance, volume_api, virt_driver, on_timed_out_volume
            )


def refresh_connections(
    context: RequestContext, bdms: Iterable[BlockDeviceMapping], volume_api: cinder.API
) -> None:
    """Read the connections of all volumes from Cinder again, before a guest is started with them.

    Raises InvalidVolume when Cinder has no attachment of a volume to the server any more: the
    stored connection may lead to another project's data.
    """
    for bdm in bdms:
        if bdm.is_volume and bdm.connection_info:
            driver_block_device(bdm).refresh_connection_info(context, volume_api)


@traced("get_block_device_info")
def get_block_device_info(bdms: Iterable[BlockDeviceMapping]) -> BlockDeviceInfo:
    """The disks of a server for its driver. Volumes without a connection are left out."""
    return get_layout(bdm for bdm in bdms if not bdm.is_volume or bdm.connection_info)


def get_layout(bdms: Iterable[BlockDeviceMapping]) -> BlockDeviceInfo:
    """The disks of a server with all its volumes, connected or not."""
    bdms = list(bdms)
    local = [bdm for bdm in bdms if not bdm.is_volume]
    return BlockDeviceInfo(
        root=next((_root_disk(bdm) for bdm in local if bdm.source_type == "image"), None),
        ephemerals=[_ephemeral_disk(bdm) for bdm in local if is_ephemeral(bdm)],
        swap=next((_swap_disk(bdm) for bdm in local if is_swap(bdm)), None),
        volumes=[driver_block_device(bdm).get_disk() for bdm in bdms if bdm.is_volume],
    )


def _root_disk(bdm: BlockDeviceMapping) -> RootDisk:
    return RootDisk(
        device_name=bdm.device_name,
        disk_bus=bdm.disk_bus,
        tag=bdm.tag,
        device_type=bdm.device_type,
    )


def _ephemeral_disk(bdm: BlockDeviceMapping) -> EphemeralDisk:
    return EphemeralDisk(
        device_name=bdm.device_name,
        disk_bus=bdm.disk_bus,
        tag=bdm.tag,
        size_gb=bdm.volume_size,
        guest_format=bdm.guest_format,
    )


def _swap_disk(bdm: BlockDeviceMapping) -> SwapDisk:
    return SwapDisk(
        device_name=bdm.device_name,
        disk_bus=bdm.disk_bus,
        tag=bdm.tag,
        size_mb=bdm.volume_size,
    )


def get_tagged_disks(block_device_info: BlockDeviceInfo) -> list[TaggedDisk]:
    """The disks that have a tag of the user, for the config drive."""
    return [
        TaggedDisk(disk.tag, disk.disk_bus, disk.device_name, disk.serial)
        for disk in block_device_info
        if disk.tag
    ]
