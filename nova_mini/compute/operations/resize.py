"""Move a server to another host, or give it another flavor: the way forward.

The phases run at the destination, at the source, and at the destination again. Between them the
action is handed over with the server's record, so that a host that dies leaves an action which the
host resumes when it returns. Until the user confirms, the source keeps what a revert needs.
:mod:`.resize_outcome` has the other operations.
"""

from __future__ import annotations

import functools
import logging

from nova_mini import disclosure, exception, rpc
from nova_mini.actions import operations
from nova_mini.actions.registry import NextPhase
from nova_mini.clock import utcnow
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import host_connections, resized_swap
from nova_mini.conf import CONF
from nova_mini.external import vtpm_key
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.migration import NEW, Migration
from nova_mini.states import migration_states, task_states, vm_states
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device
from nova_mini.virt.driver.moves import Move

LOG = logging.getLogger(__name__)


@traced("prep_resize")
def prep_resize(op: HostOperation) -> NextPhase:
    """At the destination. Raises RescheduledException if the server cannot come here."""
    op.notify_usage()
    migration = op.migration
    flavor = {"new_flavor": migration.new_flavor}
    op.notify("resize.prep.start", versioned_fields=flavor)
    try:
        _check(op)
        op.host.rt.resize_claim(op.instance, migration)
    except (exception.MigrationPreCheckError, exception.ComputeResourcesUnavailable) as exc:
        message = disclosure.message_for_operator(exc)
        raise exception.RescheduledException(
            instance_uuid=op.instance.uuid, internal=message
        ) from exc
    migration.dest_node, migration.dest_host = op.host.rt.node, CONF.my_ip
    migration.status = migration_states.MIGRATING
    op.notify("resize.prep.end", versioned_fields=flavor)
    return NextPhase(operations.RESIZE_INSTANCE, migration.source_compute)


def _check(op: HostOperation) -> None:
    """Raises MigrationPreCheckError if the disks of the server cannot come here."""
    migration = op.migration
    if migration.is_same_host:
        return
    source = ComputeNode.get_by_host(op.context, migration.source_compute)
    op.host.driver.check_destination(present_move(op), source.disk_pool)


def present_move(op: HostOperation) -> Move:
    """The move for the driver, with the volumes as they are connected now."""
    block_device_info = driver_block_device.get_block_device_info(op.block_device_mappings)
    return Move(op.context, op.instance, op.migration, block_device_info)


@traced("resize_instance")
def resize_instance(op: HostOperation) -> NextPhase:
    """At the source. The next phase begins with the record that names the destination."""
    op.notify("resize.start")
    instance, migration = op.instance, op.migration
    instance.task_state = task_states.RESIZE_MIGRATING
    instance.save()
    op.host.driver.migrate_disk_and_power_off(present_move(op), timeout=CONF.shutdown_timeout)
    host_connections.disconnect(op)
    op.host.rt.lend(migration)
    migration.status = migration_states.POST_MIGRATING
    instance.host, instance.node = migration.dest_compute, migration.dest_node
    instance.availability_zone = migration.dest_zone
    instance.numa_topology = migration.topology_at(NEW)
    instance.task_state = task_states.RESIZE_MIGRATED
    op.notify("resize.end")
    return NextPhase(operations.FINISH_RESIZE, migration.dest_compute)


@traced("finish_resize")
def finish_resize(op: HostOperation) -> None:
    """At the destination. The server is RESIZED then."""
    op.notify("finish_resize.start")
    instance, migration = op.instance, op.migration
    instance.set_flavor(migration.new_flavor)
    instance.task_state = task_states.RESIZE_FINISH
    instance.save()
    resized_swap.follow(op, migration.new_flavor)
    vtpm_key.ensure(op.host.passphrases, op.context, instance)
    move = Move(op.context, instance, migration, host_connections.connect(op))
    source = _source(op)
    op.host.driver.finish_migration(
        move,
        power_on=migration.old_vm_state == vm_states.ACTIVE,
        source_address=None if source is None or source.disk_pool else source.host_ip,
        report=functools.partial(_record_copied, op),
        host_address=source.host_ip if source else None,
    )
    instance.power_state = op.host.driver.get_info(instance).state
    instance.vm_state = vm_states.RESIZED
    instance.task_state = None
    instance.launched_on = op.host.name
    instance.launched_at = utcnow()
    migration.status = migration_states.FINISHED
    op.notify("finish_resize.end", network_info=instance.network_info)


def _record_copied(op: HostOperation, total: int, copied: int) -> None:
    """Record how many bytes of the disks are copied. The copy goes on if this is not possible."""
    try:
        Migration.record_copied(op.context, op.migration.uuid, total, copied)
    except (exception.NovaException, *rpc.UNANSWERED) as exc:
        LOG.warning("Instance %s: could not record the progress: %s", op.instance.uuid, exc)


def _source(op: HostOperation) -> ComputeNode | None:
    """The host that a server came from; None if it is this one."""
    if op.migration.is_same_host:
        return None
    return ComputeNode.get_by_host(op.context, op.migration.source_compute)
