"""Keeps the power states in the records of servers equal to the hypervisor.

A guest may stop by itself, a host may lose power. Servers with a task_state are left to their
operation: their records are not changed here, and a save fails if an operation begins meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from nova_mini import exception
from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_collection import InstanceList
from nova_mini.states import power_state, vm_states
from nova_mini.virt.driver import ComputeDriver

LOG = logging.getLogger(__name__)

# The vm_state of a server without a task, by the power state of its domain. A rescued server stays
# rescued.
_VM_STATE_OF = {
    power_state.RUNNING: vm_states.ACTIVE,
    power_state.PAUSED: vm_states.PAUSED,
    power_state.SHUTDOWN: vm_states.STOPPED,
    power_state.CRASHED: vm_states.STOPPED,
}
_ATTEMPTS = 3  # if the server is changed meanwhile
_CHANGING = {vm_states.ACTIVE, vm_states.PAUSED, vm_states.STOPPED}
FOLLOWING = _CHANGING | {vm_states.RESCUED}


class Known(NamedTuple):
    """The state in the record of a server."""

    uuid: str
    vm_state: str
    task_state: str | None
    power_state: int


def sync_power_states(driver: ComputeDriver, host: str) -> list[Known]:
    """Compare all servers of the host with the hypervisor. Returns the states in the records.

    Makes one query to the hypervisor, one call of the conductor, and more only for servers whose
    state has changed.
    """
    states = driver.get_power_states()
    servers = [Known(*each) for each in InstanceList.get_states(get_admin_context(), host)]
    for server in servers:
        found = states.get(server.uuid, power_state.NOSTATE)
        if server.task_state is None and is_changed(server, found):
            _sync_by_list(driver, server.uuid)
    return servers


def _sync_by_list(driver, uuid: str) -> None:
    _follow(uuid, lambda _: driver.get_power_states().get(uuid, power_state.NOSTATE))


def sync_one(driver: ComputeDriver, uuid: str) -> None:
    """Compare one server with the hypervisor. Called after a lifecycle event."""
    _follow(uuid, lambda instance: driver.get_info(instance).state)


def _follow(uuid: str, find: Callable[[Instance], int]) -> None:
    """Save the power state that ``find`` returns. The record is read first: if it is changed before
    the save, the save is refused, and both are read again."""
    for _ in range(_ATTEMPTS):
        try:
            instance = Instance.get_by_uuid(get_admin_context(), uuid)
            follow(instance, find(instance))
            return
        except exception.InstanceNotFound:
            LOG.debug("Instance %s: not found", uuid)
            return
        except exception.InstanceChanged as exc:
            LOG.debug("Instance %s: comparing again: %s", uuid, exc)


def is_changed(server: Instance | Known, found: int) -> bool:
    """Whether a power state differs from what the record of the server says."""
    if server.vm_state not in FOLLOWING:
        return False
    known = (server.power_state, server.vm_state)
    return (found, _vm_state(server, found)) != known


def _vm_state(server: Instance | Known, found: int) -> str:
    if server.vm_state not in _CHANGING:
        return server.vm_state
    return _VM_STATE_OF.get(found, server.vm_state)


def adopt(instance: Instance, found: int) -> None:
    """Set a new power state and its vm_state in the instance (not saved)."""
    instance.power_state = found
    instance.vm_state = _vm_state(instance, found)


def follow(instance: Instance, found: int) -> None:
    """Save the power state that was found, if it has changed and no action runs on the server.

    Raises InstanceChanged if the server was changed since ``instance`` was read.
    """
    if instance.task_state is not None or not is_changed(instance, found):
        return
    LOG.info(
        "Instance %s: the hypervisor reports it as %s", instance.uuid, power_state.STATE_MAP[found]
    )
    adopt(instance, found)
    try:
        instance.save(expected_task_state=[None])
    except exception.UnexpectedTaskStateError as exc:
        LOG.debug("Instance %s: an operation has begun: %s", instance.uuid, exc)
