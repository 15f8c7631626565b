"""Move a running guest to another host: its arrival, and the way back."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.parameters import LiveMigrateParameters, RevertParameters
from nova_mini.actions.registry import NextPhase
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import live_migration_connections as connections
from nova_mini.compute.operations.live_migration import (
    follow_guest,
    leave_source,
    remove_preparations,
)
from nova_mini.states import migration_states, power_state, vm_states
from nova_mini.trace import traced
from nova_mini.virt.live_migration import GuestPlace


@traced("post_live_migration_at_destination")
def post_live_migration_at_destination(op: HostOperation) -> None:
    """At the destination, where the guest runs."""
    op.notify("live_migration.post.dest.start")
    op.migration.status = migration_states.COMPLETED  # written with the end of the action
    with op.error_on_failure():
        _arrive(op)
    op.instance.task_state = None
    op.notify("live_migration.post.dest.end", network_info=op.instance.network_info)


def _arrive(op: HostOperation) -> None:
    instance, driver = op.instance, op.host.driver
    place = driver.find_live_guest(instance)
    if place is GuestPlace.INCOMING:
        raise exception.ActionInterrupted(reason="the guest has not arrived yet")
    if place is GuestPlace.ABSENT:
        raise exception.MigrationError(
            instance_uuid=instance.uuid, reason="neither host has the guest any more"
        )
    connections.keep_destination_only(op)
    driver.post_live_migration_at_destination(op.context, instance, instance.network_info)
    instance.power_state = driver.get_info(instance).state


@traced("find_live_migrated_guest")
def find_live_migrated_guest(op: HostOperation) -> NextPhase:
    """At the destination: the source does not answer, or was switched off. Look whether the guest
    has arrived here. If it has not, only the source can have it."""
    place = op.host.driver.find_live_guest(op.instance)
    if place is GuestPlace.ACTIVE:
        follow_guest(op)
        return NextPhase(operations.POST_LIVE_MIGRATION_AT_DESTINATION, op.host.name)
    is_coming = place is GuestPlace.INCOMING
    if is_coming and op.has_attempts_left:
        raise exception.ActionInterrupted(reason="the guest has not arrived yet")
    reason = "the source was interrupted"
    parameters = RevertParameters(reason, is_not_at_destination=not is_coming)
    source = op.migration.source_compute
    return NextPhase(operations.ROLLBACK_LIVE_MIGRATION, source, parameters)


@traced("rollback_live_migration")
def rollback_live_migration(op: HostOperation) -> NextPhase:
    """At the source: the guest goes on running here, unless it has left already."""
    op.notify("live_migration._rollback.start")
    destination = op.migration.dest_compute
    place = op.host.driver.rollback_live_migration(op.instance)
    if place is GuestPlace.ABSENT:
        return leave_source(op)
    if place is GuestPlace.OFF and not op.parameters.is_not_at_destination:
        find = operations.FIND_LIVE_MIGRATED_GUEST
        return NextPhase(find, destination, LiveMigrateParameters())
    _go_on_here(op)
    op.notify("live_migration._rollback.end")
    back = operations.ROLLBACK_LIVE_MIGRATION_AT_DESTINATION
    return NextPhase(back, destination, op.parameters)


def _go_on_here(op: HostOperation) -> None:
    """A migration that was completed by force, or was interrupted at its end, leaves the guest
    paused."""
    driver = op.host.driver
    connections.activate_binding(op, op.host.name)
    is_paused = driver.get_info(op.instance).state == power_state.PAUSED
    if is_paused and op.instance.vm_state != vm_states.PAUSED:
        driver.unpause(op.instance)


@traced("rollback_live_migration_at_destination")
def rollback_live_migration_at_destination(op: HostOperation) -> NextPhase | None:
    """At the destination: remove what was prepared. Raises MigrationError, unless a user has
    cancelled the migration."""
    if op.host.driver.find_live_guest(op.instance) is GuestPlace.ACTIVE:
        follow_guest(op)  # never stop a guest that runs here
        return NextPhase(operations.POST_LIVE_MIGRATION_AT_DESTINATION, op.host.name)
    op.notify("live_migration.rollback.dest.start")
    status = op.migration.status_if_guest_stays
    op.migration.status = status  # written with the end of the action
    remove_preparations(op)
    op.instance.task_state = None
    op.notify("live_migration.rollback.dest.end")
    if status != migration_states.CANCELLED:
        raise exception.MigrationError(instance_uuid=op.instance.uuid, reason=op.parameters.reason)
    return None
