"""Delete servers, at once or so that they can be restored for a while."""

from __future__ import annotations

import dataclasses

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.parameters import DeleteParameters
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import soft_delete_request
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance
from nova_mini.states import state_checks, task_states, vm_states

_NOT_DELETING = tuple(task_states.ALL - {task_states.DELETING})


class Delete(Base):
    def delete(self, context: RequestContext, instance: Instance) -> None:
        """Delete a server; idempotent. With ``reclaim_instance_interval``, one that has been active
        and is on a host is stopped, and can be restored until it is reclaimed."""
        allowed = state_checks.check(context, instance, "delete")
        if not soft_delete_request.is_possible(instance):
            self._delete_now(context, instance, allowed)
        elif instance.vm_state != vm_states.SOFT_DELETED:
            self._act(context, instance, operations.SOFT_DELETE, task_states.SOFT_DELETING)

    def restore(self, context: RequestContext, instance: Instance) -> None:
        """Start a server that was deleted, and not reclaimed yet. Raises OverQuota.

        It is a stopped server at once, which uses its quota: so it is one if it cannot be started.
        """
        allowed = state_checks.check(context, instance, "restore")
        claim = soft_delete_request.quota_claim(context, instance)
        instance.vm_state = vm_states.STOPPED
        instance.task_state = task_states.RESTORING
        instance.deleted_at = None
        action = self._begin(context, instance, operations.RESTORE, allowed, with_records=claim)
        self._send(context, action)

    def force_delete(self, context: RequestContext, instance: Instance) -> None:
        """Delete at once, also a server that could be restored."""
        allowed = state_checks.check(context, instance, "delete")
        self._delete_now(context, instance, allowed)

    def _delete_now(
        self, context: RequestContext, instance: Instance, allowed: state_checks.Allowed
    ) -> None:
        """Delete from any state; supersedes running actions; idempotent."""
        if instance.task_state == task_states.DELETING:
            return
        instance.task_state = task_states.DELETING
        instance.progress = 0
        allowed = dataclasses.replace(allowed, task_states=_NOT_DELETING)
        try:
            action = self._begin(context, instance, operations.DELETE, allowed, DeleteParameters())
        except exception.UnexpectedTaskStateError:
            return  # a concurrent request has begun the delete
        self._send(context, action)
