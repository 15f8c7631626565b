"""Offloads servers that have been shelved on their host for ``shelved_offload_time`` seconds."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from nova_mini.actions import operations
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.external import shelved_image
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.instance_collection import InstanceList
from nova_mini.states import task_states, vm_states


def begin_offloads(host: str) -> Iterator[tuple[RequestContext, InstanceAction]]:
    """Begin an offload of each server of ``host`` that is due.

    Yields each new action with its context, which has the user and project of the server.
    """
    if CONF.shelved_offload_time <= 0:
        return
    due = utcnow() - datetime.timedelta(seconds=CONF.shelved_offload_time)
    states = InstanceList.get_states(get_admin_context(), host)
    shelved = [uuid for uuid, vm_state, *_ in states if vm_state == vm_states.SHELVED]
    for instance in InstanceList.get_by_uuids(get_admin_context(), shelved) if shelved else ():
        if shelved_image.shelved_at(instance) > due:
            continue
        context = _context_of(instance)
        action = _begin_offload(context, instance)
        if action is not None:
            yield context, action


def _context_of(instance: Instance) -> RequestContext:
    return RequestContext(user_id=instance.user_id, project_id=instance.project_id, overwrite=False)


def _begin_offload(context: RequestContext, instance: Instance) -> InstanceAction | None:
    instance.task_state = task_states.SHELVING_OFFLOADING
    return InstanceAction.begin_at_host(
        context,
        instance,
        operations.SHELVE_OFFLOAD.name,
        operations.SHELVE_OFFLOAD_INSTANCE.name,
        [vm_states.SHELVED],
    )
