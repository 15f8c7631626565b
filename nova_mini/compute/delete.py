"""Delete a server that is on this host."""

from __future__ import annotations

from nova_mini.compute import volume_cleanup
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device


@traced
def delete_instance(manager, context, instance) -> None:
    """Every step may find its work done already; the record goes last, so none is forgotten."""
    notify_about_instance_usage(context, instance, "delete.start")
    shutdown_instance(manager, context, instance)
    complete_deletion(manager, context, instance)


@traced
def shutdown_instance(manager, context, instance) -> None:
    """The domain, its disks and its VIFs; then the ports and the volumes."""
    bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
    manager.driver.destroy(
        context,
        instance,
        instance.network_info,
        driver_block_device.get_block_device_info(instance, bdms),
    )
    deallocate_network(manager, context, instance)
    volume_cleanup.cleanup_volumes(manager.volume_api, context, instance, bdms)


@traced
def deallocate_network(manager, context, instance) -> None:
    manager.network_api.deallocate_for_instance(context, instance)


@traced
def complete_deletion(manager, context, instance) -> None:
    """The end of the record gives back quota and allocation in the same transaction."""
    instance.destroy()
    manager.rt.release(instance.uuid)
    notify_about_instance_usage(context, instance, "delete.end")
