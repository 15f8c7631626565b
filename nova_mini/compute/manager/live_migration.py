"""The phases of a live migration."""

from __future__ import annotations

from nova_mini.actions import operations
from nova_mini.actions.registry import NextPhase
from nova_mini.actions.runner import runs
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.manager.parts import ManagerParts
from nova_mini.compute.operations import live_migration, live_migration_outcome
from nova_mini.context import RequestContext
from nova_mini.trace import traced


class LiveMigrationOperations(ManagerParts):
    @runs(operations.CHECK_CAN_LIVE_MIGRATE_SOURCE)
    @traced("ComputeManager.check_can_live_migrate_source")
    def check_can_live_migrate_source(self, op: HostOperation) -> NextPhase:
        """At the source: check a guest that will be moved while it runs."""
        return live_migration.check_can_live_migrate_source(op)

    @runs(operations.PRE_LIVE_MIGRATION)
    @traced("ComputeManager.pre_live_migration")
    def pre_live_migration(self, op: HostOperation) -> NextPhase:
        """At the destination: check the guest, and prepare what it needs here."""
        return live_migration.pre_live_migration(op)

    @runs(operations.LIVE_MIGRATION)
    @traced("ComputeManager.live_migration")
    def live_migration(self, op: HostOperation) -> NextPhase:
        """At the source: move the guest while it runs."""
        return live_migration.live_migration(op)

    @runs(operations.POST_LIVE_MIGRATION_AT_DESTINATION)
    @traced("ComputeManager.post_live_migration_at_destination")
    def post_live_migration_at_destination(self, op: HostOperation) -> None:
        """At the destination: the guest has arrived."""
        live_migration_outcome.post_live_migration_at_destination(op)

    @runs(operations.FIND_LIVE_MIGRATED_GUEST)
    @traced("ComputeManager.find_live_migrated_guest")
    def find_live_migrated_guest(self, op: HostOperation) -> NextPhase:
        """At the destination: find out whether the guest has arrived."""
        return live_migration_outcome.find_live_migrated_guest(op)

    @runs(operations.ROLLBACK_LIVE_MIGRATION)
    @traced("ComputeManager.rollback_live_migration")
    def rollback_live_migration(self, op: HostOperation) -> NextPhase:
        """At the source: cancel a live migration; the guest goes on running here."""
        return live_migration_outcome.rollback_live_migration(op)

    @runs(operations.ROLLBACK_LIVE_MIGRATION_AT_DESTINATION)
    @traced("ComputeManager.rollback_live_migration_at_destination")
    def rollback_live_migration_at_destination(self, op: HostOperation) -> NextPhase | None:
        """At the destination: remove what was prepared for a guest that does not come."""
        return live_migration_outcome.rollback_live_migration_at_destination(op)

    def live_migration_requested(self, context: RequestContext, instance_uuid: str) -> None:
        """A user has requested something of a live migration from this host. Cast by the API."""
        self.services.live_requests.add(instance_uuid)
        self.runner.run_at_once(instance_uuid)
