"""Give a server a new root disk: same name, same addresses, another image."""

from __future__ import annotations

import base64

from nova_mini.compute import power, reimage, task_states, vm_states
from nova_mini.compute.operation import block_device_mappings
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.base import utcnow
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device


@traced
def rebuild(
    manager, context, instance, image_ref: str, admin_password, injected_files,
    reimage_boot_volume: bool = False,
) -> None:  # fmt: skip
    """A server that was stopped stays so.

    When it is done again after a crash, the domain and the disk of the first try go the same way
    as the old ones.
    """
    was_stopped = instance.vm_state == vm_states.STOPPED
    notify_about_instance_usage(context, instance, "rebuild.start")
    block_device_info = power.get_block_device_info(manager, context, instance)
    network_info = manager.network_api.get_instance_nw_info(context, instance)
    instance.network_info = network_info
    instance.task_state = task_states.REBUILD_BLOCK_DEVICE_MAPPING
    instance.save()
    manager.driver.destroy(context, instance, network_info, block_device_info)
    block_device_info = _prepare_root(manager, context, instance, image_ref, reimage_boot_volume)
    instance.task_state = task_states.REBUILD_SPAWNING
    instance.save()
    manager.driver.spawn(
        context,
        instance,
        ImageMeta.from_instance(instance),
        [(path, base64.b64decode(content)) for path, content in injected_files or []],
        admin_password,
        network_info=network_info,
        block_device_info=block_device_info,
        power_on=not was_stopped,
    )
    instance.power_state = manager.driver.get_info(instance).state
    instance.vm_state = vm_states.STOPPED if was_stopped else vm_states.ACTIVE
    instance.task_state = None
    instance.launched_at = utcnow()
    notify_about_instance_usage(context, instance, "rebuild.end", network_info=network_info)


@traced
def _prepare_root(manager, context, instance, image_ref: str, reimage_boot_volume: bool) -> dict:
    """The disks with which the server is spawned again, their records brought up to date."""
    bdms = block_device_mappings()
    root = next(bdm for bdm in bdms if bdm.is_root)
    if reimage_boot_volume:
        reimage.reimage(manager, context, instance, root, image_ref)
    if root.image_id and root.image_id != image_ref:
        root.image_id = image_ref
        root.save()
    return driver_block_device.get_block_device_info(instance, bdms)
