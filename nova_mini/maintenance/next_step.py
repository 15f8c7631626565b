"""What must be done next with a server so that it leaves its host."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from nova_mini.objects.migration import MIGRATION
from nova_mini.states import migration_states, vm_states


class Step(enum.Enum):
    LIVE_MIGRATE = "live migration"
    MIGRATE = "migration"
    CONFIRM = "confirmation"
    MOVES = "moves"  # nothing: it is on its way
    WAIT = "waits"  # nothing: another operation must end first
    STUCK = "cannot move"  # the operator or the owner must act


@dataclass(frozen=True, slots=True)
class Next:
    """``reason``: of WAIT and STUCK."""

    step: Step
    reason: str = ""


_STUCK = {
    vm_states.SUSPENDED: "it is suspended; resume it, or stop it",
    vm_states.RESCUED: "it is rescued; unrescue it",
    vm_states.ERROR: "it is in ERROR; repair it (for example by a hard reboot) or delete it",
    vm_states.SHELVED: "it is shelved on this host; offload it (shelveOffload)",
}
_OPERATIONS = {
    vm_states.ACTIVE: Step.LIVE_MIGRATE,
    vm_states.PAUSED: Step.LIVE_MIGRATE,
    vm_states.STOPPED: Step.MIGRATE,
}


def of(server: Any, host: str) -> Next:
    """``server``: a row of ``db.host_servers``."""
    if server.migration_type is not None:
        return _of_moving(server, host)
    if server.task_state is not None:
        return Next(Step.WAIT, f"its task is {server.task_state}")
    operation = _OPERATIONS.get(server.vm_state)
    if operation is not None:
        return Next(operation)
    return Next(Step.STUCK, _STUCK.get(server.vm_state, f"its state is {server.vm_state}"))


def _of_moving(server: Any, host: str) -> Next:
    if server.migration_status != migration_states.FINISHED:
        if server.source_compute == host or server.dest_compute != host:
            return Next(Step.MOVES)
        return Next(Step.WAIT, f"it arrives from {server.source_compute}")
    if server.dest_compute == host:
        reason = "it has come by a resize or a migration; confirm or revert that first"
        return Next(Step.STUCK, reason)
    if server.task_state is not None:
        return Next(Step.WAIT, f"its task is {server.task_state}")
    # Only a command has no user. What users have begun, they confirm or revert.
    if server.migration_type == MIGRATION and server.moved_by is None:
        return Next(Step.CONFIRM)
    return Next(
        Step.STUCK,
        f"it went to {server.dest_compute} by a {server.migration_type} that must be confirmed or "
        "reverted; until then this host keeps its disks",
    )
