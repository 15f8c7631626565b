"""Shelve a server: switch it off, keep its root disk as an image, and leave its host."""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.compute import (
    delete,
    power_state,
    shelve_offload,
    shelved_image,
    sync,
    task_states,
    vm_states,
)
from nova_mini.compute.operation import LOST, await_earlier_actions, will_be_tried_again
from nova_mini.conf import CONF
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

_TASKS = {
    task_states.IMAGE_PENDING_UPLOAD: task_states.SHELVING_IMAGE_PENDING_UPLOAD,
    task_states.IMAGE_UPLOADING: task_states.SHELVING_IMAGE_UPLOADING,
}


def shelve(manager, context, instance) -> None:
    """Done again after a crash it goes on where it was.

    Once it is SHELVED it stays so: when it cannot leave its host, an administrator may have it
    offloaded again.
    """
    await_earlier_actions(context)
    if instance.vm_state != vm_states.SHELVED:
        _shelve(manager, context, instance)
    if instance.is_volume_backed or CONF.shelved_offload_time == 0:
        shelve_offload.offload(manager, context, instance)
    instance.task_state = None


@traced
def _shelve(manager, context, instance) -> None:
    notify_about_instance_usage(context, instance, "shelve.start")
    try:
        _power_off(manager, instance)
        if not instance.is_volume_backed:
            _make_image(manager, context, instance)
    except Exception as exc:
        if not (isinstance(exc, LOST) or will_be_tried_again(exc)):
            LOG.warning("Instance %s could not be shelved: %s", instance.uuid, exc)
            _take_back(manager, context, instance)
        raise
    instance.power_state = manager.driver.get_info(instance).state
    instance.vm_state = vm_states.SHELVED
    shelved_image.remember(instance)
    instance.save()
    notify_about_instance_usage(context, instance, "shelve.end")


@traced
def _power_off(manager, instance) -> None:
    """A guest that is paused cannot hear that it should shut down."""
    is_paused = instance.power_state == power_state.PAUSED
    manager.driver.power_off(instance, 0 if is_paused else CONF.shutdown_timeout, 10)


@traced
def _make_image(manager, context, instance) -> None:
    """Its record, if nobody has made it; its data, if nobody has finished it."""

    def update_task_state(task_state, expected_state=None):
        instance.task_state = _TASKS[task_state]
        instance.save()

    image = manager.image_api.create(context, shelved_image.record(context, instance))
    if image.status == "active":
        return
    try:
        manager.driver.snapshot(context, instance, image.id, update_task_state)
    except exception.InstanceNotFound:  # deleted meanwhile, perhaps before there was an image
        shelved_image.delete(manager.image_api, context, instance)
        raise


@traced
def _take_back(manager, context, instance) -> None:
    """As it was, but for a guest that is off by now."""
    delete.delete_shelved_image(manager, context, instance)
    shelved_image.forget(instance)
    found = manager.driver.get_info(instance).state
    if sync.is_news(instance, found):
        sync.adopt(instance, found)
