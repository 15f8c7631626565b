"""Build the guest of a server here whose host is down.

The record of the server names its source until the resources are claimed here, and again after a
failure. Disks in shared storage belong to the host that the record names, so they survive a
failure.
"""

from __future__ import annotations

import logging

from nova_mini import disclosure, exception
from nova_mini.actions.parameters import EvacuateParameters
from nova_mini.clock import utcnow
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import host_connections
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.states import migration_states, task_states, vm_states
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)


@traced("evacuate_instance")
def evacuate_instance(op: HostOperation) -> None:
    """At the destination. Raises RescheduledException if another host must be tried: nothing of the
    server is here then."""
    op.notify("rebuild.start")
    instance, migration = op.instance, op.migration
    is_stopped = op.parameters.stop or migration.old_vm_state == vm_states.STOPPED
    try:
        if instance.host != op.host.name:
            _take_from_source(op)
        with op.host.rt.instance_claim(
            op.context, instance, task_states.REBUILD_BLOCK_DEVICE_MAPPING
        ):
            _spawn(op, power_on=not is_stopped)
    except Exception as exc:
        if not op.is_final(exc):
            raise
        raise _leave(op, exc) from exc
    instance.power_state = op.host.driver.get_info(instance).state
    instance.vm_state = vm_states.STOPPED if is_stopped else vm_states.ACTIVE
    instance.task_state = None
    instance.launched_at = utcnow()
    instance.availability_zone = migration.dest_zone
    migration.dest_node, migration.dest_host = op.host.rt.node, CONF.my_ip
    migration.status = migration_states.DONE
    op.notify("rebuild.end", network_info=instance.network_info)


@traced("_take_from_source")
def _take_from_source(op: HostOperation) -> None:
    """Detach volumes and ports from the source, which cannot do it. Remove what an earlier stay of
    the server has left here: its own disk must not be taken for the server's disk."""
    op.host.driver.destroy(op.context, op.instance, op.instance.network_info)
    host_connections.disconnect(op, op.migration.source_compute)


@traced("_spawn")
def _spawn(op: HostOperation, *, power_on: bool) -> None:
    """Disks in shared storage are used as they are; the others are made from the image."""
    parameters: EvacuateParameters = op.parameters
    is_shared = op.host.driver.has_shared_disks(op.instance)
    if parameters.on_shared_storage not in (None, is_shared):
        raise exception.InvalidSharedStorage(found="" if is_shared else "not ")
    block_device_info = host_connections.connect(op)
    op.instance.task_state = task_states.REBUILD_SPAWNING
    op.instance.save()
    op.host.driver.spawn(
        op.context,
        op.instance,
        ImageMeta.from_instance(op.instance),
        [],
        None if is_shared else parameters.admin_password,
        network_info=op.instance.network_info,
        block_device_info=block_device_info,
        power_on=power_on,
    )


@traced("_leave")
def _leave(op: HostOperation, exc: Exception) -> exception.RescheduledException:
    """Remove the server from this host. The record names its source first, so that its disks in
    shared storage are kept."""
    instance, migration = op.instance, op.migration
    message = disclosure.message_for_operator(exc)
    LOG.warning("Instance %s: could not be evacuated to this host: %s", instance.uuid, message)
    is_here = instance.host == op.host.name
    instance.host, instance.node = migration.source_compute, migration.source_node
    instance.task_state = task_states.REBUILDING
    instance.save()
    if is_here:
        op.host.driver.destroy(op.context, instance, instance.network_info)
        host_connections.disconnect(op)
    return exception.RescheduledException(instance_uuid=instance.uuid, internal=message)
