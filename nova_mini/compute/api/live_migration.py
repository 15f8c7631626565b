"""Move running guests to other hosts, and cancel or hasten that."""

from __future__ import annotations

import functools

from nova_mini import quota
from nova_mini.actions import operations
from nova_mini.actions.parameters import LiveMigrateParameters
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import (
    live_migration_checks,
    live_migration_request,
    move_request,
    vtpm_checks,
)
from nova_mini.context import RequestContext
from nova_mini.objects import quota_claims
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.migration import Migration
from nova_mini.states import migration_states, state_checks, task_states


class LiveMigration(Base):
    def live_migrate(
        self,
        context: RequestContext,
        instance: Instance,
        parameters: LiveMigrateParameters,
        *,
        awaits_checks: bool = False,
    ) -> None:
        """Move the guest to another host while it runs. ``awaits_checks``: return when both hosts
        have checked the guest.

        Raises the errors of ``move_request.check_destination``, SourceServiceUnavailable if the
        host of the server does not report, OperationNotSupportedForVTPM, and those of
        ``live_migration_checks.wait``.
        """
        allowed = state_checks.check(context, instance, "os-migrateLive")
        vtpm_checks.refuse(instance, "live-migration")
        move_request.check_live_source(context, instance)
        if parameters.host is not None:
            move_request.check_destination(context, instance, parameters.host)
        owner = (instance.project_id, instance.user_id)
        limits = quota_claims.Limits(*quota.get_project_and_user_limits(context, *owner))
        migration = Migration.begin_live(context, instance)
        instance.task_state = task_states.MIGRATING
        begun = self._begin(
            context,
            instance,
            operations.LIVE_MIGRATE,
            allowed,
            parameters,
            with_records=functools.partial(migration.insert, owner, limits),
        )
        self._send(context, begun)
        if awaits_checks:
            live_migration_checks.wait(instance, migration.uuid)

    def live_migrate_abort(
        self, context: RequestContext, instance: Instance, migration_id: str, *, also_queued: bool
    ) -> None:
        """Cancel a live migration; the guest stays at its source. ``also_queued``: also one whose
        guest does not move yet. Raises the errors of ``live_migration_request.find``."""
        allowed = state_checks.check(context, instance, "abort live migration")
        statuses = [migration_states.RUNNING]
        if also_queued:
            statuses += [migration_states.QUEUED, migration_states.PREPARING]
        self._request_of_migration(
            context, instance, allowed, migration_id, live_migration_request.ABORT, statuses
        )

    def live_migrate_force_complete(
        self, context: RequestContext, instance: Instance, migration_id: str
    ) -> None:
        """Let a live migration end soon, even if the guest is paused for it. Raises the errors of
        ``live_migration_request.find``."""
        allowed = state_checks.check(context, instance, "force_complete")
        requested = live_migration_request.FORCE_COMPLETE
        statuses = [migration_states.RUNNING]
        self._request_of_migration(context, instance, allowed, migration_id, requested, statuses)

    def _request_of_migration(
        self,
        context: RequestContext,
        instance: Instance,
        allowed: state_checks.Allowed,
        migration_id: str,
        requested: live_migration_request.Requested,
        statuses: list[str],
    ) -> None:
        """Store the request in the migration, and in the history of the server. The message to the
        source only makes it act at once."""
        found = live_migration_request.find(instance, migration_id, requested, statuses)
        InstanceAction.begin(
            context,
            instance,
            requested.action,
            with_records=functools.partial(
                live_migration_request.store, instance, found.id, requested, statuses
            ),
            expected_task_state=allowed.task_states,
        )
        self.compute_rpcapi.live_migration_requested(context, found.source_compute, instance.uuid)
