"""Choose a destination for a guest that moves while it runs, and continue a live migration whose
source or destination is down."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.claims import ClaimedAction
from nova_mini.actions.errors import OWNERSHIP_LOST
from nova_mini.actions.parameters import LiveMigrateParameters
from nova_mini.actions.registry import NextPhase
from nova_mini.conductor.tasks.migrate import MigrationTask
from nova_mini.context import RequestContext
from nova_mini.notifications import (
    notify_about_compute_task_error,
    notify_about_instance_usage,
)
from nova_mini.objects.instance_fault import add_instance_fault
from nova_mini.objects.selection import Selection
from nova_mini.objects.service import LIVE_MIGRATION_VERSION, Service
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.states import migration_states
from nova_mini.trace import collecting, traced

LOG = logging.getLogger(__name__)

_REFUSALS = (
    exception.NoValidHost,
    exception.MigrationPreCheckError,
    exception.SourceServiceUnavailable,
)


class LiveMigrationTask(MigrationTask):
    MINIMUM_VERSION = LIVE_MIGRATION_VERSION

    def live_migrate_instances(
        self, context: RequestContext, actions: Sequence[ClaimedAction]
    ) -> None:
        """Schedule each server and hand it over: to its source, which checks it, and then to its
        destination. Without a valid host, a server stays where it is."""
        for action in actions:
            with collecting() as action.steps:
                try:
                    self._live_migrate(context, action)
                except _REFUSALS as exc:
                    _give_up(action, exc)
                except Exception as exc:
                    action.requeue(exc)

    def _live_migrate(self, context: RequestContext, action: ClaimedAction) -> None:
        migration, parameters = action.migration, action.parameters
        source = Service.get_by_host_and_binary(
            context, migration.source_compute, "nova-mini-compute"
        )
        if not source.is_alive:
            raise exception.SourceServiceUnavailable(internal=migration.source_compute)
        migration.lend_allocation()
        selection, alternates = self._choose_destination(context, action)
        migration.dest_compute = selection.service_host
        migration.dest_zone = selection.availability_zone
        parameters = parameters.replace(alternates=[each.as_dict() for each in alternates])
        if parameters.source is None:
            check = operations.CHECK_CAN_LIVE_MIGRATE_SOURCE
            phase = NextPhase(check, migration.source_compute, parameters)
        else:
            migration.status = migration_states.PREPARING
            prepare = operations.PRE_LIVE_MIGRATION
            phase = NextPhase(prepare, selection.service_host, parameters)
        if self._hand_over(action, phase.operation, phase.host, phase.parameters):
            self._compute_rpcapi.send(action.context, action.record)

    @traced("LiveMigrationTask._choose_destination")
    def _choose_destination(
        self, context: RequestContext, action: ClaimedAction
    ) -> tuple[Selection, list[Selection]]:
        """Raises MigrationPreCheckError if the requested host has refused the guest."""
        parameters: LiveMigrateParameters = action.parameters
        if parameters.host is not None and parameters.tried:
            raise exception.MigrationPreCheckError(reason=parameters.reason)
        if parameters.is_forced:
            return self._claim_forced(context, action), []
        return self._choose(context, action)

    def _claim_forced(self, context: RequestContext, action: ClaimedAction) -> Selection:
        """Claim the requested host without asking the scheduler. Its resources still limit it."""
        host = action.parameters.host
        if not self._spec(context, action).claim_host(host):
            raise exception.NoValidHost(reason="The requested host does not have enough resources.")
        return Selection(
            service_host=host, nodename=host, availability_zone=action.migration.source_zone
        )


def _give_up(action: ClaimedAction, exc: exception.NovaException) -> None:
    """End the action with a fault. The guest stays at its source with its old allocation."""
    context, instance = action.context, action.instance
    instance.task_state = None
    action.migration.status = migration_states.ERROR
    add_instance_fault(context, instance, exc, host=None)
    notify_about_instance_usage(
        context, instance, "live_migration.error", fault=exc, source="nova-conductor"
    )
    notify_about_compute_task_error(context, instance, "live_migration.error", exc)
    action.finish(exc)


def find_guests_without_source(actions: Sequence[ClaimedAction]) -> None:
    """Let the destination look for a guest whose source is down."""
    for action in actions:
        destination = action.migration.dest_compute
        find = operations.FIND_LIVE_MIGRATED_GUEST
        try:
            if action.hand_over(find, destination, action.parameters):
                compute_rpcapi.ComputeAPI().send(action.context, action.record)
        except OWNERSHIP_LOST as exc:
            LOG.info("Instance %s: not sent to a host: %s", action.instance.uuid, exc)
        except Exception as exc:  # the others do not wait for this one
            action.requeue(exc)


def roll_back_without_destination(actions: Sequence[ClaimedAction]) -> None:
    """End a live migration that did not succeed, and whose destination is down. When the
    destination returns, it removes what it has of the server."""
    # Imported late: the clients of Neutron and Cinder need 10 MiB and are rarely used.
    from nova_mini.external import second_host
    from nova_mini.network import neutron
    from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
    from nova_mini.volume import cinder

    for action in actions:
        context, instance, migration = action.context, action.instance, action.migration
        try:
            bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
            source = migration.source_compute
            second_host.keep_one_host(neutron.API(), cinder.API(), context, instance, bdms, source)
            _end_rolled_back(action)
        except Exception as exc:  # the others do not wait for this one
            action.requeue(exc)


def _end_rolled_back(action: ClaimedAction) -> None:
    migration, instance = action.migration, action.instance
    migration.status = migration.status_if_guest_stays
    instance.task_state = None
    if migration.status == migration_states.CANCELLED:
        action.finish()
        return
    failed = exception.MigrationError(instance_uuid=instance.uuid, reason=action.parameters.reason)
    add_instance_fault(action.context, instance, failed, host=None)
    action.finish(failed)
