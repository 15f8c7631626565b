"""Change only the record of a server, which concerns no host."""

from __future__ import annotations

from typing import Any

from nova_mini import quota
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import destination, fault_checks
from nova_mini.context import RequestContext
from nova_mini.notifications import Event, notify_about_instance_action
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.states import state_checks, vm_states


class Records(Base):
    def update(self, context: RequestContext, instance: Instance, changes: dict[str, Any]) -> None:
        """Set fields that no host uses (names, description, access addresses, the zone of later
        moves). Raises Conflict for a zone to which the server cannot be pinned."""
        if "pinned_availability_zone" in changes:
            destination.check_pin(instance, changes["pinned_availability_zone"])
        for name, value in changes.items():
            setattr(instance, name, value)
        instance.save()

    def lock(self, context: RequestContext, instance: Instance, reason: str | None = None) -> None:
        is_owner = instance.project_id == context.project_id
        if instance.locked and is_owner:
            return  # an administrator's lock is not replaced
        instance.locked = True
        instance.locked_by = "owner" if is_owner else "admin"
        instance.locked_reason = reason
        InstanceAction.begin(context, instance, "lock", expected_task_state=None)
        notify_about_instance_action(context, instance, Event("lock"), source="nova-api")

    def unlock(self, context: RequestContext, instance: Instance) -> None:
        instance.locked = False
        instance.locked_by = instance.locked_reason = None
        InstanceAction.begin(context, instance, "unlock", expected_task_state=None)
        notify_about_instance_action(context, instance, Event("unlock"), source="nova-api")

    def reset_state(self, context: RequestContext, instance: Instance, state: str) -> None:
        """Set the vm_state to ``active`` or ``error``, and the task_state to None.

        Ends all actions of the server; processes that run them lose the ownership.
        """
        instance.vm_state = vm_states.ACTIVE if state == "active" else vm_states.ERROR
        instance.task_state = None
        instance.deleted_at = None  # of a soft-deleted server
        InstanceAction.reset(context, instance)

    def update_metadata(
        self,
        context: RequestContext,
        instance: Instance,
        metadata: dict[str, str],
        *,
        replace: bool = False,
    ) -> dict[str, str]:
        """Add to the server's metadata, or replace it. Returns all metadata. Raises OverQuota."""
        state_checks.check(context, instance, "update metadata")
        fault_checks.check(context, metadata)
        limits, _ = quota.get_project_and_user_limits(context)
        instance.change_metadata(
            metadata, removed=None if replace else (), allowed=limits["metadata_items"]
        )
        return instance.metadata

    def delete_metadata(self, context: RequestContext, instance: Instance, key: str) -> None:
        state_checks.check(context, instance, "delete metadata")
        instance.change_metadata({}, removed=[key])
