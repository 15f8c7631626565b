"""Give a shelved server a guest again: on the host where it was, or on one that was chosen."""

from __future__ import annotations

import dataclasses
import logging

from nova_mini import exception
from nova_mini.compute import (
    power_state,
    shelve_offload,
    shelved_image,
    task_states,
    vm_states,
    volumes,
)
from nova_mini.compute.operation import LOST, block_device_mappings, will_be_tried_again
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.base import utcnow
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device

LOG = logging.getLogger(__name__)


def unshelve(manager, context, instance) -> None:
    """A server that has a power state has its guest, from an attempt that was cut off later."""
    notify_about_instance_usage(context, instance, "unshelve.start")
    if instance.vm_state == vm_states.SHELVED:
        _start(manager, context, instance)
    elif instance.power_state == power_state.NOSTATE:
        _build(manager, context, instance)
    _forget_image(manager, context, instance)
    instance.power_state = manager.driver.get_info(instance).state
    instance.vm_state = vm_states.ACTIVE
    instance.task_state = None
    instance.launched_at = utcnow()
    notify_about_instance_usage(context, instance, "unshelve.end")


@traced
def _start(manager, context, instance) -> None:
    """Its disks are here. An offload that failed may have taken its ports and volumes."""
    block_device_info = _connect(manager, context, instance)
    manager.driver.power_on(context, instance, instance.network_info, block_device_info)


@traced
def _build(manager, context, instance) -> None:
    """When it fails for good the server is shelved as before, and nothing of it is here."""
    try:
        with manager.rt.instance_claim(context, instance, task_states.UNSHELVING):
            _spawn(manager, context, instance)
    except Exception as exc:
        if not (isinstance(exc, LOST) or will_be_tried_again(exc)):
            LOG.warning("Instance %s could not be unshelved: %s", instance.uuid, exc)
            shelve_offload.leave_host(manager, context, instance)
            notify_about_instance_usage(context, instance, "unshelve.error", fault=exc)
        raise


@traced
def _spawn(manager, context, instance) -> None:
    """From the shelved image and nothing else: disks of an attempt that was cut off go first."""
    manager.driver.destroy(context, instance, instance.network_info)
    block_device_info = _connect(manager, context, instance)
    instance.task_state = task_states.SPAWNING
    instance.save()
    image_meta = ImageMeta.from_instance(instance)
    if not instance.is_volume_backed:
        image_meta = dataclasses.replace(image_meta, id=shelved_image.id_of(instance))
    manager.driver.spawn(
        context,
        instance,
        image_meta,
        [],
        None,
        network_info=instance.network_info,
        block_device_info=block_device_info,
    )
    instance.power_state = manager.driver.get_info(instance).state
    instance.save()


@traced
def _connect(manager, context, instance) -> dict:
    """Its ports and volumes are this host's; the disks for the guest."""
    network_api = manager.network_api
    network_api.setup_instance_network_on_host(context, instance, manager.host)
    instance.network_info = network_api.get_instance_nw_info(context, instance)
    bdms = block_device_mappings()
    volumes.check_device_names(manager, instance, bdms)
    driver_block_device.attach_block_devices(
        context, instance, bdms, manager.volume_api, manager.driver
    )
    return driver_block_device.get_block_device_info(instance, bdms)


@traced
def _forget_image(manager, context, instance) -> None:
    """The server runs: an image that Glance keeps is no reason to fail."""
    try:
        shelved_image.delete(manager.image_api, context, instance)
    except exception.NovaException as exc:
        if will_be_tried_again(exc):
            raise
        LOG.warning("The shelved image of instance %s stays: %s", instance.uuid, exc)
    shelved_image.forget(instance)
