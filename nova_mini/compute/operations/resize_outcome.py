"""Move a server to another host or flavor: confirm it, or go back.

A user goes back with revertResize. A move that fails goes back by itself, with the same operations
and a ``reason``.
"""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.registry import NextPhase
from nova_mini.clock import utcnow
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import host_connections, resized_swap
from nova_mini.compute.operations.resize import present_move
from nova_mini.external import vtpm_key
from nova_mini.objects.migration import OLD
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.states import migration_states, power_state, task_states, vm_states
from nova_mini.trace import traced
from nova_mini.virt.driver.moves import Move

LOG = logging.getLogger(__name__)


@traced("confirm_resize")
def confirm_resize(op: HostOperation) -> None:
    """At the source. Its orphans are removed later if they cannot be removed now: the server is at
    its destination in any case."""
    op.notify("resize.confirm.start")
    try:
        op.host.driver.confirm_migration(present_move(op))
    except exception.NovaException as exc:
        if not op.is_final(exc):
            raise
        LOG.warning("Instance %s: could not remove its old disks: %s", op.instance.uuid, exc)
    _keep_resized(op)


@traced("confirm_at_destination")
def confirm_at_destination(op: HostOperation) -> None:
    """At the destination, because the source is down. The source finds its orphans when it
    returns."""
    op.notify("resize.confirm.start")
    op.host.driver.discard_revert_copy(present_move(op))
    _keep_resized(op)


def _keep_resized(op: HostOperation) -> None:
    instance, migration = op.instance, op.migration
    vtpm_key.discard_unused(op.host.passphrases, op.context, instance)
    spec = RequestSpec.get_by_instance_uuid(op.context, instance.uuid)
    spec.set_flavor(instance.flavor, is_volume_backed=instance.is_volume_backed)
    spec.save()
    op.host.rt.release(migration.uuid)
    runs = instance.power_state != power_state.SHUTDOWN
    instance.vm_state = vm_states.ACTIVE if runs else vm_states.STOPPED
    instance.task_state = None
    migration.status = migration_states.CONFIRMED
    op.notify("resize.confirm.end")


@traced("revert_resize")
def revert_resize(op: HostOperation) -> NextPhase:
    """At the destination. The next phase begins with the record that names the source."""
    op.notify("resize.revert.start")
    instance, migration = op.instance, op.migration
    op.host.driver.undo_migration(present_move(op))
    host_connections.disconnect(op)
    op.host.rt.release(instance.uuid)
    migration.status = migration_states.REVERTING
    instance.set_flavor(migration.old_flavor)
    instance.host, instance.node = migration.source_compute, migration.source_node
    instance.availability_zone = migration.source_zone
    instance.numa_topology = migration.topology_at(OLD)
    instance.task_state = task_states.RESIZE_REVERTING
    return NextPhase(operations.FINISH_REVERT_RESIZE, migration.source_compute, op.parameters)


@traced("finish_revert_resize")
def finish_revert_resize(op: HostOperation) -> None:
    """At the source. The server is as it was. Raises MigrationError if the move had failed."""
    with op.error_on_failure():
        _return(op)
    op.notify("resize.revert.end")
    if op.parameters.reason:
        raise exception.MigrationError(instance_uuid=op.instance.uuid, reason=op.parameters.reason)


def _return(op: HostOperation) -> None:
    instance, migration = op.instance, op.migration
    # Written with the end of the action. After a final error the server is broken at its source.
    migration.status = migration_states.ERROR
    resized_swap.follow(op, migration.old_flavor)
    move = Move(op.context, instance, migration, host_connections.connect(op))
    was_running = migration.old_vm_state == vm_states.ACTIVE
    op.host.driver.finish_revert_migration(move, power_on=was_running)
    vtpm_key.discard_unused(op.host.passphrases, op.context, instance)
    op.host.rt.take_back(migration)
    instance.power_state = op.host.driver.get_info(instance).state
    instance.vm_state = migration.old_vm_state
    instance.task_state = None
    instance.launched_at = utcnow()
    if not op.parameters.reason:
        migration.status = migration_states.REVERTED
