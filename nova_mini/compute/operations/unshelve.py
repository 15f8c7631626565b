"""Start a shelved server again, on its host or on a host that a conductor has chosen."""

from __future__ import annotations

import dataclasses
import logging

from nova_mini import disclosure, exception
from nova_mini.clock import utcnow
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import build, host_connections, shelve_offload
from nova_mini.external import shelved_image
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.states import power_state, task_states, vm_states
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)


def unshelve(op: HostOperation) -> None:
    """Unshelve the server; idempotent. With a power state, the guest exists already."""
    op.notify("unshelve.start")
    if op.instance.vm_state == vm_states.SHELVED:
        _start(op)
    elif op.instance.power_state == power_state.NOSTATE:
        _build(op)
    _forget_image(op)
    op.instance.power_state = op.host.driver.get_info(op.instance).state
    op.instance.vm_state = vm_states.ACTIVE
    op.instance.task_state = None
    op.instance.launched_at = utcnow()
    op.notify("unshelve.end")


@traced("_start")
def _start(op: HostOperation) -> None:
    """Start a server whose disks are here. A failed offload may have released ports and volumes."""
    block_device_info = host_connections.connect(op)
    op.host.driver.power_on(op.context, op.instance, op.instance.network_info, block_device_info)


@traced("_build")
def _build(op: HostOperation) -> None:
    """Build the server here. A final error leaves it shelved as before, and nothing here. Raises
    RescheduledException if another host may succeed."""
    try:
        with op.host.rt.instance_claim(op.context, op.instance, task_states.UNSHELVING):
            _spawn(op)
    except Exception as exc:
        if op.is_final(exc):
            LOG.warning("Instance %s: could not be unshelved: %s", op.instance.uuid, exc)
            shelve_offload.leave_host(op)
            if not isinstance(exc, build.REQUEST_FAILED):
                op.instance.task_state = task_states.UNSHELVING
                raise exception.RescheduledException(
                    instance_uuid=op.instance.uuid, internal=disclosure.message_for_operator(exc)
                ) from exc
            op.notify("unshelve.error", fault=exc)
        raise


@traced("_spawn")
def _spawn(op: HostOperation) -> None:
    """Spawn from the shelved image, after removing the disks of an interrupted attempt."""
    op.host.driver.destroy(op.context, op.instance, op.instance.network_info)
    block_device_info = host_connections.connect(op)
    op.instance.task_state = task_states.SPAWNING
    op.instance.save()
    image_meta = ImageMeta.from_instance(op.instance)
    if not op.instance.is_volume_backed:
        image_meta = dataclasses.replace(image_meta, id=shelved_image.id_of(op.instance))
    op.host.driver.spawn(
        op.context,
        op.instance,
        image_meta,
        [],
        None,
        network_info=op.instance.network_info,
        block_device_info=block_device_info,
    )
    op.instance.power_state = op.host.driver.get_info(op.instance).state
    op.instance.save()


@traced("_forget_image")
def _forget_image(op: HostOperation) -> None:
    """Delete the shelved image. The server runs, so a final error is only logged."""
    try:
        shelved_image.delete(op.host.image_api, op.context, op.instance)
    except exception.NovaException as exc:
        if op.will_be_retried(exc):
            raise
        LOG.warning("Instance %s: could not delete the shelved image: %s", op.instance.uuid, exc)
    shelved_image.forget(op.instance)
