"""Move a running guest to another host: the way forward.

Source and destination check and prepare, and the guest goes on running at the source. Then the
source's hypervisor moves it. From that moment the hypervisors decide where the guest runs, and the
records follow it: an attempt that is resumed looks first where the guest is.
:mod:`.live_migration_outcome` has the operations that follow.
"""

from __future__ import annotations

import logging

from nova_mini import disclosure, exception
from nova_mini.actions import operations
from nova_mini.actions.registry import NextPhase
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import live_migration_connections as connections
from nova_mini.compute.operations.live_migration_watch import MigrationWatch
from nova_mini.conf import CONF
from nova_mini.external import second_host
from nova_mini.objects.migration import ABORT, NEW
from nova_mini.states import migration_states
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device
from nova_mini.virt.live_migration import GuestPlace

LOG = logging.getLogger(__name__)


@traced("check_can_live_migrate_source")
def check_can_live_migrate_source(op: HostOperation) -> NextPhase:
    """At the source, before anything is changed. Raises MigrationPreCheckError."""
    migration = op.migration
    migration.status = migration_states.ERROR  # written if the check fails
    op.await_earlier_actions()
    block_device_info = driver_block_device.get_block_device_info(op.block_device_mappings)
    facts = op.host.driver.check_can_live_migrate_source(op.context, op.instance, block_device_info)
    migration.status = migration_states.PREPARING
    parameters = op.parameters.replace(source=facts)
    return NextPhase(operations.PRE_LIVE_MIGRATION, migration.dest_compute, parameters)


@traced("pre_live_migration")
def pre_live_migration(op: HostOperation) -> NextPhase:
    """At the destination. Raises RescheduledException if the guest cannot come here."""
    migration = op.migration
    try:
        _check(op)
    except (exception.MigrationPreCheckError, exception.ComputeResourcesUnavailable) as exc:
        if not op.is_first_attempt:
            remove_preparations(op)
        raise exception.RescheduledException(
            instance_uuid=op.instance.uuid, internal=_reason(exc)
        ) from exc
    op.notify("live_migration.pre.start")
    prepared = _prepare(op)
    migration.dest_node, migration.dest_host = op.host.rt.node, CONF.my_ip
    migration.status = migration_states.QUEUED
    op.notify("live_migration.pre.end")
    parameters = op.parameters.replace(destination=prepared, alternates=())
    return NextPhase(operations.LIVE_MIGRATION, migration.source_compute, parameters)


@traced("_check_live_migration")
def _check(op: HostOperation) -> None:
    op.host.driver.check_can_live_migrate_destination(
        op.context,
        op.instance,
        op.parameters.source,
        block_migration=op.parameters.block_migration,
        disk_over_commit=op.parameters.disk_over_commit,
    )
    op.host.rt.resize_claim(op.instance, op.migration)


def _reason(exc: exception.NovaException) -> str:
    return exc.kwargs.get("reason") or disclosure.message_for_operator(exc)


def _prepare(op: HostOperation) -> dict:
    block_device_info = connections.attach_volumes_here(op)
    network_info = op.host.network_api.bind_to_second_host(op.context, op.instance, op.host.name)
    return op.host.driver.pre_live_migration(
        op.context,
        op.instance,
        op.parameters.source,
        network_info,
        block_device_info,
        op.migration.new_numa,
    )


def remove_preparations(op: HostOperation) -> None:
    """At the destination: remove all that was prepared here. The source keeps its part."""
    op.host.driver.rollback_live_migration_at_destination(
        op.context, op.instance, op.instance.network_info, connections.get_volumes_here(op)
    )
    second_host.keep_one_host(
        op.host.network_api,
        op.host.volume_api,
        op.context,
        op.instance,
        op.block_device_mappings,
        op.migration.source_compute,
    )
    op.host.rt.release(op.instance.uuid)


@traced("live_migration")
def live_migration(op: HostOperation) -> NextPhase:
    """At the source: move the guest, or find out that it has moved."""
    with MigrationWatch(op) as watch:
        return _live_migrate(op, watch)


def _live_migrate(op: HostOperation, watch: MigrationWatch) -> NextPhase:
    if watch.report_now() == ABORT:
        op.migration.requested = ABORT
        raise exception.LiveMigrationCancelled(
            instance_uuid=op.instance.uuid, reason="a user requested it"
        )
    place = op.host.driver.find_live_guest(op.instance)
    if place is GuestPlace.ABSENT:
        return leave_source(op)
    if place is GuestPlace.OFF:  # this host has lost power since
        destination = op.migration.dest_compute
        return NextPhase(operations.FIND_LIVE_MIGRATED_GUEST, destination, op.parameters)
    watch.report_now(status=migration_states.RUNNING)
    try:
        op.host.driver.live_migration(
            op.context, op.instance, op.migration, op.parameters.destination, watch
        )
    except exception.LiveMigrationCancelled:
        op.migration.requested = ABORT  # also if an option has cancelled it
        raise
    return leave_source(op)


@traced("_leave_source")
def leave_source(op: HostOperation) -> NextPhase:
    """At the source, which the guest has left. The next phase begins with the record that names
    the destination."""
    op.notify("live_migration._post.start")
    connections.activate_binding(op, op.migration.dest_compute)
    try:
        op.host.driver.post_live_migration(
            op.context,
            op.instance,
            op.instance.network_info,
            driver_block_device.get_block_device_info(op.block_device_mappings),
        )
    except exception.NovaException as exc:  # it is an orphan then, which is removed later
        LOG.warning("Instance %s: could not remove what it has left: %s", op.instance.uuid, exc)
    op.host.rt.lend(op.migration)
    follow_guest(op)
    op.notify("live_migration._post.end")
    destination = op.migration.dest_compute
    return NextPhase(operations.POST_LIVE_MIGRATION_AT_DESTINATION, destination)


def follow_guest(op: HostOperation) -> None:
    """Let the records name the destination. They are written with the end of the phase."""
    instance, migration = op.instance, op.migration
    instance.host, instance.node = migration.dest_compute, migration.dest_node
    instance.availability_zone = migration.dest_zone
    instance.numa_topology = migration.topology_at(NEW)
    migration.status = migration_states.POST_MIGRATING
