"""Keep the records of servers true to what the hypervisor says.

A guest may stop by itself, a host may lose power. What an operation is just doing to a server is
never touched from here: only servers without a task are looked at, and a save is made only while
they still have none.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from nova_mini import exception
from nova_mini.compute import power_state, vm_states
from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance, InstanceList

LOG = logging.getLogger(__name__)

# What a server without a task is, when its domain is like that.
_VM_STATE_OF = {
    power_state.RUNNING: vm_states.ACTIVE,
    power_state.PAUSED: vm_states.PAUSED,
    power_state.SHUTDOWN: vm_states.STOPPED,
    power_state.CRASHED: vm_states.STOPPED,
}
FOLLOWING = {vm_states.ACTIVE, vm_states.PAUSED, vm_states.STOPPED}


class Known(NamedTuple):
    """What the record of a server says of its state."""

    uuid: str
    vm_state: str
    task_state: str | None
    power_state: int


def sync_power_states(driver, host: str) -> list[Known]:
    """Look at all servers of the host: one question to the hypervisor, one to the conductor, and
    more only about a server whose state is news. Returns what was known of each."""
    states = driver.get_power_states()
    servers = [Known(*each) for each in InstanceList.get_states(get_admin_context(), host)]
    for server in servers:
        found = states.get(server.uuid, power_state.NOSTATE)
        if server.task_state is None and is_news(server, found):
            _look_again(driver, server.uuid)
    return servers


def _look_again(driver, uuid: str) -> None:
    """The record first: if something is done to the server meanwhile, the guest is found as that
    left it, or the save is refused."""
    try:
        instance = Instance.get_by_uuid(get_admin_context(), uuid)
    except exception.InstanceNotFound:
        LOG.debug("Instance %s is gone", uuid)
    else:
        follow(instance, driver.get_power_states().get(uuid, power_state.NOSTATE))


def sync_one(driver, uuid: str) -> None:
    """After a lifecycle event."""
    try:
        instance = Instance.get_by_uuid(get_admin_context(), uuid)
        follow(instance, driver.get_info(instance).state)
    except exception.InstanceNotFound:
        LOG.debug("Instance %s is gone", uuid)


def is_news(server: Instance | Known, found: int) -> bool:
    """Whether a power state differs from what the record of the server says."""
    if server.vm_state not in FOLLOWING:
        return False
    known = (server.power_state, server.vm_state)
    return (found, _vm_state(server, found)) != known


def _vm_state(server: Instance | Known, found: int) -> str:
    return _VM_STATE_OF.get(found, server.vm_state)


def adopt(instance, found: int) -> None:
    """Write down (not saved) a power state that is news."""
    instance.power_state = found
    instance.vm_state = _vm_state(instance, found)


def follow(instance, found: int) -> None:
    """Save what was found, if it is news and nobody is at work on the server."""
    if instance.task_state is not None or not is_news(instance, found):
        return
    LOG.info("Instance %s is found %s", instance.uuid, power_state.STATE_MAP[found])
    adopt(instance, found)
    try:
        instance.save(expected_task_state=[None])
    except exception.Conflict as exc:
        LOG.debug("Instance %s is being worked on: %s", instance.uuid, exc)
