"""Begin evacuations: for a request of an administrator, and for a conductor that finds a host
dead."""

from __future__ import annotations

import functools

from nova_mini.actions import intents, operations
from nova_mini.actions.parameters import EvacuateParameters
from nova_mini.context import RequestContext
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects import quota_claims
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.migration import Migration
from nova_mini.states import state_checks, task_states

_NOT_DELETING = tuple(task_states.ALL - {task_states.DELETING})
_SAME_FLAVOR = quota_claims.Limits({}, {})  # an evacuation uses no more quota


def begin(
    context: RequestContext, instance: Instance, parameters: EvacuateParameters
) -> InstanceAction:
    """Commit the intent to evacuate a server, whose other actions end. The caller sends the
    action to a conductor. Raises Conflict if the server has another state now."""
    migration = Migration.begin_evacuation(context, instance)
    owner = (instance.project_id, instance.user_id)
    instance.task_state = task_states.REBUILDING
    action = intents.begin(
        context,
        instance,
        operations.EVACUATE,
        parameters,
        with_records=functools.partial(migration.insert, owner, _SAME_FLAVOR),
        expected_task_state=_NOT_DELETING,
        expected_vm_state=state_checks.ALLOWED["evacuate"].vm_states,
    )
    notify_about_instance_usage(context, instance, "evacuate", source="nova-api")
    return action
