"""Shelve a server: power it off, save its root disk as an image, and remove it from its host."""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.compute.host import power_sync
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import delete, power, shelve_offload
from nova_mini.conf import CONF
from nova_mini.external import shelved_image
from nova_mini.states import power_state, task_states, vm_states
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

_TASKS = {
    task_states.IMAGE_PENDING_UPLOAD: task_states.SHELVING_IMAGE_PENDING_UPLOAD,
    task_states.IMAGE_UPLOADING: task_states.SHELVING_IMAGE_UPLOADING,
}


def shelve(op: HostOperation) -> None:
    """Shelve the server; idempotent.

    A server that is SHELVED stays so even if the offload fails: an administrator can request the
    offload again.
    """
    op.await_earlier_actions()
    if op.instance.vm_state != vm_states.SHELVED:
        _shelve(op)
    if op.instance.is_volume_backed or CONF.shelved_offload_time == 0:
        shelve_offload.offload(op)
    op.instance.task_state = None


@traced("_shelve")
def _shelve(op: HostOperation) -> None:
    op.notify("shelve.start")
    with op.compensate(lambda: _roll_back(op)):
        if op.instance.is_volume_backed:
            _power_off(op)
        else:
            _make_image(op)
    op.instance.power_state = op.host.driver.get_info(op.instance).state
    op.instance.vm_state = vm_states.SHELVED
    shelved_image.remember(op.instance)
    op.instance.save()
    op.notify("shelve.end")


@traced("_power_off")
def _power_off(op: HostOperation) -> None:
    """Power off. A paused guest cannot shut down by itself, so it gets no time for that."""
    is_paused = op.instance.power_state == power_state.PAUSED
    op.host.driver.power_off(op.instance, 0 if is_paused else CONF.shutdown_timeout, 10)


@traced("_make_image")
def _make_image(op: HostOperation) -> None:
    """Create the image's record unless it exists, so that Glance can refuse it before the guest is
    powered off. Then upload its data unless the image is active."""

    def update_task_state(task_state, expected_state=None):
        op.instance.task_state = _TASKS[task_state]
        op.instance.save()

    record = shelved_image.record(op.context, op.instance)
    image = op.host.image_api.create(op.context, record)
    _power_off(op)
    if image.status == "active":
        return
    try:
        op.host.driver.snapshot(op.context, op.instance, record["id"], update_task_state)
    except (
        exception.InstanceNotFound
    ):  # the server was deleted meanwhile, perhaps before the image was created
        shelved_image.delete(op.host.image_api, op.context, op.instance)
        raise


@traced("_take_back")
def _roll_back(op: HostOperation) -> None:
    """Restore the power state and delete the image."""
    _restore_power(op)
    delete.delete_shelved_image(op)
    shelved_image.forget(op.instance)


@traced("_restore_power")
def _restore_power(op: HostOperation) -> None:
    """Restore the power state that is in the record. A guest that was paused boots and is paused
    then. If it cannot be started, the server is STOPPED."""
    before, found = op.instance.power_state, op.host.driver.get_info(op.instance).state
    if found == power_state.SHUTDOWN and before in (power_state.RUNNING, power_state.PAUSED):
        try:
            _start(op, pause=before == power_state.PAUSED)
        except Exception:
            LOG.exception("Instance %s: could not be started again", op.instance.uuid)
        found = op.host.driver.get_info(op.instance).state
    if power_sync.is_changed(op.instance, found):
        power_sync.adopt(op.instance, found)


def _start(op: HostOperation, pause: bool) -> None:
    disks = power.get_block_device_info(op)
    op.host.driver.power_on(op.context, op.instance, op.instance.network_info, disks)
    if pause:
        op.host.driver.pause(op.instance)
