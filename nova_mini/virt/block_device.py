"""From what the user asked for to what a driver attaches."""

from __future__ import annotations

from collections.abc import Iterable

from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.trace import traced
from nova_mini.virt.block_device_volumes import driver_block_device


def is_swap(bdm: BlockDeviceMapping) -> bool:
    return bdm.source_type == "blank" and not bdm.is_volume and bdm.guest_format == "swap"


def is_ephemeral(bdm: BlockDeviceMapping) -> bool:
    return bdm.source_type == "blank" and not bdm.is_volume and bdm.guest_format != "swap"


@traced
def attach_block_devices(
    context, instance, bdms: Iterable[BlockDeviceMapping], volume_api, virt_driver
) -> None:
    """Connect every volume of a server that is being built to this host; make those that are yet
    to be made. The domain is defined with them afterwards."""
    for bdm in bdms:
        if bdm.is_volume:
            driver_block_device(bdm).attach(context, instance, volume_api, virt_driver)


def refresh_connections(context, bdms: Iterable[BlockDeviceMapping], volume_api) -> None:
    """Before a guest is given its volumes again. Raises InvalidVolume for one that is not its own
    any more: its old connection may lead to another project's data by now."""
    for bdm in bdms:
        if bdm.is_volume and bdm.connection_info:
            driver_block_device(bdm).refresh_connection_info(context, volume_api)


@traced
def get_block_device_info(instance, bdms: Iterable[BlockDeviceMapping]) -> dict:
    """What ``ComputeDriver`` methods take as ``block_device_info`` (described there).

    Volumes that were never connected to this host are not in it.
    """
    return get_layout(instance, [bdm for bdm in bdms if not bdm.is_volume or bdm.connection_info])


def get_layout(instance, bdms: Iterable[BlockDeviceMapping]) -> dict:
    """The same of all disks, whether they are connected or not: where each is to be."""
    bdms = list(bdms)
    local = [bdm for bdm in bdms if not bdm.is_volume]
    swap = [bdm for bdm in local if is_swap(bdm)]
    return {
        "root_device_name": instance.root_device_name,
        "image": [_image_disk(bdm) for bdm in local if bdm.source_type == "image"],
        "ephemerals": [_ephemeral_disk(bdm) for bdm in local if is_ephemeral(bdm)],
        "swap": {
            "device_name": swap[0].device_name,
            "swap_size": swap[0].volume_size,
            "disk_bus": swap[0].disk_bus,
        }
        if swap
        else None,
        "block_device_mapping": [
            driver_block_device(bdm).get_info() for bdm in bdms if bdm.is_volume
        ],
    }


def _image_disk(bdm: BlockDeviceMapping) -> dict:
    return {
        "device_name": bdm.device_name,
        "disk_bus": bdm.disk_bus,
        "device_type": bdm.device_type,
        "boot_index": bdm.boot_index,
    }


def _ephemeral_disk(bdm: BlockDeviceMapping) -> dict:
    return {
        "device_name": bdm.device_name,
        "size": bdm.volume_size,
        "guest_format": bdm.guest_format,
        "disk_bus": bdm.disk_bus,
    }
