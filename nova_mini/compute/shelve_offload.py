"""Take a shelved server off its host: it keeps its ports and volumes, and is on no host."""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.compute import power_state, shelved_image, task_states, vm_states
from nova_mini.compute.operation import LOST, block_device_mappings, will_be_tried_again
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device
from nova_mini.virt.block_device_volumes import driver_block_device as volume_of

LOG = logging.getLogger(__name__)


def offload(manager, context, instance) -> None:
    """Raises ImageNotFound or ImageNotActive when its disk is nowhere but here: then it stays."""
    notify_about_instance_usage(context, instance, "shelve_offload.start")
    _check_image(manager, context, instance)
    instance.task_state = task_states.SHELVING_OFFLOADING
    instance.save()
    leave_host(manager, context, instance)
    notify_about_instance_usage(context, instance, "shelve_offload.end")


def _check_image(manager, context, instance) -> None:
    if instance.is_volume_backed:
        return
    image_id = shelved_image.id_of(instance)
    if manager.image_api.get(context, image_id).status != "active":
        raise exception.ImageNotActive(image_id=image_id)


@traced
def leave_host(manager, context, instance) -> None:
    """Each step may find its work done. The disks go after all that a neighbour may refuse: until
    then the server can still be started here.

    Ends with the record as it will be when the action ends. Also the way back of a server that
    could not be unshelved here.
    """
    bdms = block_device_mappings()
    manager.driver.destroy(
        context,
        instance,
        instance.network_info,
        driver_block_device.get_block_device_info(instance, bdms),
        destroy_disks=False,
    )
    _release_volumes(manager, context, instance, bdms)
    _release_ports(manager, context, instance)
    _remove_disks(manager, context, instance)
    instance.release_allocation()
    manager.rt.release(instance.uuid)
    instance.host = instance.node = None
    instance.power_state = power_state.NOSTATE
    instance.vm_state = vm_states.SHELVED_OFFLOADED
    instance.task_state = None


@traced
def _release_volumes(manager, context, instance, bdms) -> None:
    for bdm in bdms:
        if bdm.is_volume and bdm.attachment_id:
            volume_of(bdm).keep_reserved(context, instance, manager.volume_api)


@traced
def _release_ports(manager, context, instance) -> None:
    network_api = manager.network_api
    network_api.cleanup_instance_network_on_host(context, instance, manager.host)
    instance.network_info = network_api.get_instance_nw_info(context, instance)


@traced
def _remove_disks(manager, context, instance) -> None:
    """What cannot be removed is not waited for: a server must not come back to half of its disks,
    and the host's rounds find what is left."""
    try:
        manager.driver.destroy(context, instance)
    except exception.NovaException as exc:
        if isinstance(exc, LOST) or will_be_tried_again(exc):
            raise
        LOG.warning("Disks of instance %s are left: %s", instance.uuid, exc)
