"""The table of the actions that each state of a server allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nova_mini import exception
from nova_mini.context import RequestContext
from nova_mini.states import task_states, vm_states

ANY = None
IDLE = (None,)

_RUNS = (vm_states.ACTIVE,)
_HAS_DISK = (vm_states.ACTIVE, vm_states.PAUSED, vm_states.SUSPENDED, vm_states.STOPPED)
_TAKES_VOLUMES = (
    vm_states.ACTIVE,
    vm_states.PAUSED,
    vm_states.STOPPED,
    vm_states.RESIZED,
    vm_states.SHELVED,
    vm_states.SHELVED_OFFLOADED,
)
_HAS_GUEST = (
    vm_states.ACTIVE,
    vm_states.PAUSED,
    vm_states.RESCUED,
    vm_states.RESIZED,
    vm_states.ERROR,
)
_SOFT_DELETED_FROM = (
    *_HAS_DISK,
    vm_states.RESCUED,
    vm_states.SHELVED,
    vm_states.ERROR,
)
_MOVES = (vm_states.ACTIVE, vm_states.STOPPED)
_MOVED = (vm_states.RESIZED,)
_MOVES_LIVE = (vm_states.ACTIVE, vm_states.PAUSED)
_MIGRATING = (task_states.MIGRATING,)
# A hard reboot also supersedes tasks that hang, such as a soft reboot.
_HARD_REBOOT_TASKS = (
    None,
    task_states.REBOOTING,
    task_states.REBOOT_PENDING,
    task_states.REBOOT_STARTED,
    task_states.REBOOTING_HARD,
    task_states.REBOOT_PENDING_HARD,
    task_states.REBOOT_STARTED_HARD,
    task_states.RESUMING,
    task_states.UNPAUSING,
    task_states.SUSPENDING,
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The vm_states and task_states (or ANY) in which an action may begin.

    ``launched``: the server must have been active once. ``respects_lock``: only administrators may
    begin the action on a locked server. ``on_host``: the server must be on a host.
    """

    vm_states: tuple[str, ...] | None
    task_states: tuple[str | None, ...] | None = IDLE
    launched: bool = True
    respects_lock: bool = True
    on_host: bool = True


_CHANGES_TAGS = Allowed(_HAS_DISK, ANY, launched=False, respects_lock=False, on_host=False)

ALLOWED = {
    "delete": Allowed(ANY, ANY, launched=False, on_host=False),
    "softDelete": Allowed(_SOFT_DELETED_FROM),
    "restore": Allowed((vm_states.SOFT_DELETED,)),
    "reboot": Allowed(vm_states.ALLOW_SOFT_REBOOT),
    "hard reboot": Allowed(vm_states.ALLOW_HARD_REBOOT, _HARD_REBOOT_TASKS),
    "start": Allowed((vm_states.STOPPED,)),
    "stop": Allowed((vm_states.ACTIVE, vm_states.ERROR)),
    "pause": Allowed(_RUNS),
    "unpause": Allowed((vm_states.PAUSED,)),
    "suspend": Allowed(_RUNS),
    "resume": Allowed((vm_states.SUSPENDED,)),
    "rebuild": Allowed((vm_states.ACTIVE, vm_states.STOPPED, vm_states.ERROR)),
    "rescue": Allowed((vm_states.ACTIVE, vm_states.STOPPED, vm_states.ERROR)),
    "unrescue": Allowed((vm_states.RESCUED,)),
    "createImage": Allowed(_HAS_DISK, respects_lock=False),
    "createBackup": Allowed(_HAS_DISK, respects_lock=False),
    "changePassword": Allowed(_RUNS),
    "trigger_crash_dump": Allowed(_HAS_GUEST, ANY),
    "injectNetworkInfo": Allowed(ANY, ANY, launched=False),
    "resize": Allowed(_MOVES),
    "migrate": Allowed(_MOVES),
    # Also in the middle of another action, which its host cannot finish.
    "evacuate": Allowed(
        (vm_states.ACTIVE, vm_states.STOPPED, vm_states.ERROR), ANY, respects_lock=False
    ),
    "confirmResize": Allowed(_MOVED),
    "revertResize": Allowed(_MOVED),
    "os-migrateLive": Allowed(_MOVES_LIVE),
    "abort live migration": Allowed(ANY, _MIGRATING),
    "force_complete": Allowed(ANY, _MIGRATING),
    "attach_interface": Allowed((vm_states.ACTIVE, vm_states.PAUSED, vm_states.STOPPED)),
    "detach_interface": Allowed((vm_states.ACTIVE, vm_states.PAUSED, vm_states.STOPPED)),
    "fixed IPs": Allowed(_HAS_DISK, launched=False, on_host=False),
    "attach_volume": Allowed(_TAKES_VOLUMES, on_host=False),
    "detach_volume": Allowed(_TAKES_VOLUMES, on_host=False),
    "swap_volume": Allowed((vm_states.ACTIVE, vm_states.PAUSED)),
    "assisted snapshot": Allowed(ANY, launched=False, respects_lock=False),
    "attach share": Allowed((vm_states.STOPPED,), ANY),
    "detach share": Allowed((vm_states.STOPPED, vm_states.ERROR), ANY, launched=False),
    "shelve": Allowed(_HAS_DISK),
    "shelveOffload": Allowed((vm_states.SHELVED,)),
    "unshelve": Allowed((vm_states.SHELVED, vm_states.SHELVED_OFFLOADED), on_host=False),
    "security groups": Allowed(ANY, ANY, on_host=False),
    "update metadata": Allowed(_HAS_DISK, ANY, on_host=False),
    "delete metadata": Allowed(_HAS_DISK, ANY, on_host=False),
    **dict.fromkeys(("update tag", "update tags", "delete tag", "delete tags"), _CHANGES_TAGS),
}


# The name of an action in an error, if it is not that of its row.
_METHODS = {"hard reboot": "reboot", "softDelete": "delete"}


def check(context: RequestContext, instance: Any, action: str) -> Allowed:
    """Return the table's entry for ``action`` if the server's state and lock allow it now.

    Called by ``compute.api``, which passes the allowed states to the transaction that begins the
    action, where they are checked again. Raises InstanceIsLocked,
    InstanceInvalidState, InstanceNeverActive, InstanceNotReady.
    """
    allowed = ALLOWED[action]
    if allowed.respects_lock and instance.locked and not context.is_admin:
        raise exception.InstanceIsLocked(instance_uuid=instance.uuid)
    for attr in ("vm_state", "task_state"):
        accepted, found = getattr(allowed, f"{attr}s"), getattr(instance, attr)
        if accepted is not ANY and found not in accepted:
            raise exception.InstanceInvalidState(
                method=_METHODS.get(action, action),
                instance_uuid=instance.uuid,
                attr=attr,
                state=found,
            )
    if allowed.launched and instance.launched_at is None:
        raise exception.InstanceNeverActive(method=action, instance_uuid=instance.uuid)
    if allowed.on_host and instance.host is None:
        raise exception.InstanceNotReady(instance_id=instance.uuid)
    return allowed
