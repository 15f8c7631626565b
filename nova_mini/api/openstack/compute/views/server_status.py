"""The ``status`` of a server, which is derived from its vm_state and task_state."""

from __future__ import annotations

from nova_mini.states import task_states as task
from nova_mini.states import vm_states as vm

_REBUILD = dict.fromkeys(
    (task.REBUILDING, task.REBUILD_BLOCK_DEVICE_MAPPING, task.REBUILD_SPAWNING), "REBUILD"
)
_RESIZE = dict.fromkeys(
    (task.RESIZE_PREP, task.RESIZE_MIGRATING, task.RESIZE_MIGRATED, task.RESIZE_FINISH), "RESIZE"
)
_LIVE_MIGRATION = {task.MIGRATING: "MIGRATING"}
_REBOOT = {
    task.REBOOTING: "REBOOT",
    task.REBOOT_PENDING: "REBOOT",
    task.REBOOT_STARTED: "REBOOT",
    task.REBOOTING_HARD: "HARD_REBOOT",
    task.REBOOT_PENDING_HARD: "HARD_REBOOT",
    task.REBOOT_STARTED_HARD: "HARD_REBOOT",
}

# vm_state -> (status, {task_state: status, if it differs})
_STATUSES: dict[str, tuple[str, dict[str, str]]] = {
    vm.ACTIVE: (
        "ACTIVE",
        {
            **_REBOOT,
            **_REBUILD,
            **_RESIZE,
            **_LIVE_MIGRATION,
            task.UPDATING_PASSWORD: "PASSWORD",
        },
    ),
    vm.BUILDING: ("BUILD", {}),
    vm.STOPPED: ("SHUTOFF", {**_REBUILD, **_RESIZE}),
    vm.PAUSED: ("PAUSED", _LIVE_MIGRATION),
    vm.SUSPENDED: ("SUSPENDED", {}),
    vm.RESCUED: ("RESCUE", {}),
    vm.RESIZED: ("VERIFY_RESIZE", {task.RESIZE_REVERTING: "REVERT_RESIZE"}),
    vm.ERROR: ("ERROR", _REBUILD),
    vm.DELETED: ("DELETED", {}),
    vm.SOFT_DELETED: ("SOFT_DELETED", {}),
    vm.SHELVED: ("SHELVED", {}),
    vm.SHELVED_OFFLOADED: ("SHELVED_OFFLOADED", {}),
}


def status_of(vm_state: str, task_state: str | None) -> str:
    status, by_task = _STATUSES[vm_state]
    return by_task.get(task_state or "", status)


def states_of(status: str) -> list[tuple[str, list[str] | None]]:
    """[(vm_state, task_states or None for any)] of the servers that the filter ``status`` finds.

    Empty if there is no such status. As documented, a status such as ACTIVE also finds servers that
    are being rebooted or rebuilt.
    """
    status_name = status.upper()
    found: list[tuple[str, list[str] | None]] = []
    for vm_state, (name, by_task) in _STATUSES.items():
        if name == status_name:
            found.append((vm_state, None))
        elif status_name in by_task.values():
            found.append((vm_state, [t for t, name in by_task.items() if name == status_name]))
    return found
