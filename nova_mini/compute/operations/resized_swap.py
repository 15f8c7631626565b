"""The record of a server's swap disk, when its flavor has another size of it."""

from __future__ import annotations

import uuid

from nova_mini.compute.host.host_services import HostOperation
from nova_mini.objects.block_device_mapping import SWAP, BlockDeviceMapping, BlockDeviceMappingList
from nova_mini.objects.flavor import Flavor
from nova_mini.virt import block_device


def follow(op: HostOperation, flavor: Flavor) -> None:
    """Let the swap disk have the size that ``flavor`` says: the old or the new flavor of a move.
    Without a difference between the two, nothing is changed. Idempotent."""
    migration = op.migration
    if migration.old_flavor.swap == migration.new_flavor.swap:
        return
    bdm = next((each for each in op.block_device_mappings if block_device.is_swap(each)), None)
    if bdm is None and flavor.swap:
        _new(op, flavor.swap).create(op.id)
    elif bdm is not None and not flavor.swap:
        bdm.destroy()
    elif bdm is not None:
        bdm.volume_size = flavor.swap
        bdm.save(op.id)
    op.record.block_device_mappings = BlockDeviceMappingList.get_by_instance_uuid(
        op.context, op.instance.uuid
    )


def _new(op: HostOperation, size_mb: int) -> BlockDeviceMapping:
    return BlockDeviceMapping.new(
        op.context,
        # Always the same one, so that a repeated attempt makes no second disk.
        uuid=str(uuid.uuid5(uuid.UUID(op.migration.uuid), SWAP)),
        instance_uuid=op.instance.uuid,
        source_type="blank",
        destination_type="local",
        guest_format=SWAP,
        device_type="disk",
        boot_index=-1,
        volume_size=size_mb,
        delete_on_termination=True,
    )
