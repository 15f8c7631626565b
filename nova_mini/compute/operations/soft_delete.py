"""Delete a server in a way that can be undone for a while, and undo it."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.clock import utcnow
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import power
from nova_mini.states import power_state, vm_states
from nova_mini.trace import traced


@traced("soft_delete")
def soft_delete(op: HostOperation) -> None:
    """Stop the guest, and keep all that the server has. Its quota is released when the action ends.
    Idempotent."""
    op.notify("soft_delete.start")
    op.host.driver.power_off(op.instance)
    op.instance.power_state = _power_state(op)
    op.instance.vm_state = vm_states.SOFT_DELETED
    op.instance.task_state = None
    op.instance.deleted_at = utcnow()
    op.notify("soft_delete.end")


def _power_state(op: HostOperation) -> int:
    """A server in ERROR may have no guest."""
    try:
        return op.host.driver.get_info(op.instance).state
    except exception.InstanceNotFound:
        return power_state.NOSTATE


@traced("restore")
def restore(op: HostOperation) -> None:
    """Start the guest. Idempotent. After a failure the server is stopped, and can be started."""
    with power.changed(op, "restore", vm_states.ACTIVE):
        op.host.driver.power_on(
            op.context,
            op.instance,
            op.instance.network_info,
            power.get_block_device_info(op),
        )
