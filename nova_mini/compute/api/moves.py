"""Move servers to another flavor or host."""

from __future__ import annotations

import functools

from nova_mini import quota
from nova_mini.actions import operations
from nova_mini.actions.parameters import (
    MigrateParameters,
    RevertParameters,
)
from nova_mini.actions.registry import Action
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import move_request
from nova_mini.context import RequestContext
from nova_mini.objects import quota_claims
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.instance import Instance
from nova_mini.objects.migration import Migration
from nova_mini.states import migration_states, state_checks, task_states


class Moves(Base):
    def resize(
        self,
        context: RequestContext,
        instance: Instance,
        flavor_id: str,
        auto_disk_config: bool | None = None,
    ) -> None:
        """Give the server another flavor, usually on another host. The user confirms or reverts it
        then. ``auto_disk_config``: a new value of the server's field.

        Raises OverQuota and the errors of ``move_request.new_flavor``.
        """
        allowed = state_checks.check(context, instance, "resize")
        flavor = move_request.new_flavor(context, instance, flavor_id)
        if auto_disk_config is not None:
            instance.auto_disk_config = auto_disk_config
        self._move(context, instance, operations.RESIZE, allowed, flavor, MigrateParameters())

    def migrate(self, context: RequestContext, instance: Instance, host: str | None = None) -> None:
        """Move the server to another host, to ``host`` if it is given. The guest is stopped
        meanwhile. An administrator confirms or reverts it then.

        Raises the errors of ``move_request.check_destination``.
        """
        allowed = state_checks.check(context, instance, "migrate")
        if host is not None:
            move_request.check_destination(context, instance, host)
        parameters = MigrateParameters(host=host)
        self._move(context, instance, operations.MIGRATE, allowed, instance.flavor, parameters)

    def _move(
        self,
        context: RequestContext,
        instance: Instance,
        action: Action,
        allowed: state_checks.Allowed,
        flavor: Flavor,
        parameters: MigrateParameters,
    ) -> None:
        move_request.check_source(instance)
        owner = (instance.project_id, instance.user_id)
        limits = quota_claims.Limits(*quota.get_project_and_user_limits(context, *owner))
        migration = Migration.begin(context, instance, flavor)
        instance.task_state = task_states.RESIZE_PREP
        begun = self._begin(
            context,
            instance,
            action,
            allowed,
            parameters,
            with_records=functools.partial(migration.insert, owner, limits),
        )
        self._send(context, begun)

    def confirm_resize(self, context: RequestContext, instance: Instance) -> None:
        """Keep the server as it is after a resize or a migration. Raises
        MigrationNotFoundForInstance."""
        allowed = state_checks.check(context, instance, "confirmResize")
        migration = Migration.get_open(context, instance.uuid)
        migration.status = migration_states.CONFIRMING
        instance.task_state = task_states.RESIZE_CONFIRMING
        action = self._begin(
            context,
            instance,
            operations.CONFIRM,
            allowed,
            at_host=migration.source_compute,
            with_records=migration.write,
        )
        self._send(context, action)

    def revert_resize(self, context: RequestContext, instance: Instance) -> None:
        """Bring the server back to the host and flavor that it had before. Raises
        MigrationNotFoundForInstance."""
        allowed = state_checks.check(context, instance, "revertResize")
        migration = Migration.get_open(context, instance.uuid)
        migration.status = migration_states.REVERTING
        instance.task_state = task_states.RESIZE_REVERTING
        action = self._begin(
            context,
            instance,
            operations.REVERT,
            allowed,
            RevertParameters(),
            with_records=migration.write,
        )
        self._send(context, action)
