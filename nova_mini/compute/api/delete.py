"""Delete servers."""

from __future__ import annotations

import dataclasses

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.parameters import DeleteParameters
from nova_mini.compute.api.base import Base
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance
from nova_mini.states import state_checks, task_states

_NOT_DELETING = tuple(task_states.ALL - {task_states.DELETING})


class Delete(Base):
    def delete(self, context: RequestContext, instance: Instance) -> None:
        """Delete from any state; supersedes running actions; idempotent."""
        allowed = state_checks.check(context, instance, "delete")
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
