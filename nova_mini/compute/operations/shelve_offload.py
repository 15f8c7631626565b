"""Remove a shelved server from its host; it keeps its ports and volumes."""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import host_connections
from nova_mini.external import shelved_image
from nova_mini.states import power_state, task_states, vm_states
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device

LOG = logging.getLogger(__name__)


def offload(op: HostOperation) -> None:
    """Offload the server. Raises ImageNotFound or ImageNotActive if the disk exists only here."""
    op.notify("shelve_offload.start")
    _check_image(op)
    op.instance.task_state = task_states.SHELVING_OFFLOADING
    op.instance.save()
    leave_host(op)
    op.notify("shelve_offload.end")


def _check_image(op: HostOperation) -> None:
    if op.instance.is_volume_backed:
        return
    image_id = shelved_image.id_of(op.instance)
    if image_id is None or op.host.image_api.get(op.context, image_id).status != "active":
        raise exception.ImageNotActive(image_id=image_id)


@traced("leave_host")
def leave_host(op: HostOperation) -> None:
    """Remove the server from this host; idempotent. Also undoes an unshelve that failed here.

    The disks are removed after the steps that an external service may refuse: until then the server
    can still be started here. Sets the fields of the record, which is saved when the action ends.
    """
    op.host.driver.destroy(
        op.context,
        op.instance,
        op.instance.network_info,
        driver_block_device.get_block_device_info(op.block_device_mappings),
        destroy_disks=False,
    )
    host_connections.disconnect(op)
    _remove_disks(op)
    op.instance.release_allocation()
    op.host.rt.release(op.instance.uuid)
    op.instance.host = op.instance.node = op.instance.numa_topology = None
    op.instance.power_state = power_state.NOSTATE
    op.instance.vm_state = vm_states.SHELVED_OFFLOADED
    op.instance.task_state = None


@traced("_remove_disks")
def _remove_disks(op: HostOperation) -> None:
    """A final error is only logged: a server with some of its disks removed must not stay here, and
    a periodic task of the host removes the orphans."""
    try:
        op.host.driver.destroy(op.context, op.instance)
    except exception.NovaException as exc:
        if not op.is_final(exc):
            raise
        LOG.warning("Instance %s: could not remove its disks: %s", op.instance.uuid, exc)
