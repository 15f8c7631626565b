"""Start, stop, reboot, pause, suspend: operations that change only the power state.

Each sets the new states in the instance, which is saved when the action ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nova_mini.compute.host import network_refresh
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.conf import CONF
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.states import task_states, vm_states
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device
from nova_mini.virt.block_device_info import BlockDeviceInfo

_REBOOT_TASKS = {
    "SOFT": (task_states.REBOOT_PENDING, task_states.REBOOT_STARTED),
    "HARD": (task_states.REBOOT_PENDING_HARD, task_states.REBOOT_STARTED_HARD),
}


@contextlib.contextmanager
def changed(op: HostOperation, event: str, vm_state: str) -> Iterator[None]:
    """Notify before and after; then set ``vm_state`` and the power state of the hypervisor."""
    op.notify(f"{event}.start")
    yield
    op.instance.power_state = op.host.driver.get_info(op.instance).state
    op.instance.vm_state = vm_state
    op.instance.task_state = None
    op.notify(f"{event}.end")


def get_block_device_info(op: HostOperation) -> BlockDeviceInfo:
    """Return the disks to start a guest with, and their connections as Cinder has them now.

    Raises InvalidVolume if a volume is not attached to the server any more.
    """
    bdms = op.block_device_mappings
    driver_block_device.refresh_connections(op.context, bdms, op.host.volume_api)
    return driver_block_device.get_block_device_info(bdms)


@contextlib.contextmanager
def current_interfaces(op: HostOperation) -> Iterator[NetworkInfo]:
    """Yield the interfaces as Neutron has them now, to start a guest with them. Afterwards remove
    those that Neutron does not have any more."""
    network_info = op.host.network_api.get_instance_nw_info(op.context, op.instance)
    missing = network_refresh.missing(op.instance, network_info)
    yield network_info
    for vif in missing:
        op.host.driver.detach_interface(op.context, op.instance, vif)
    op.instance.network_info = network_info


@traced("stop")
def stop(op: HostOperation) -> None:
    with changed(op, "power_off", vm_states.STOPPED):
        op.host.driver.power_off(op.instance, CONF.shutdown_timeout, 10)


@traced("start")
def start(op: HostOperation) -> None:
    with changed(op, "power_on", vm_states.ACTIVE):
        op.host.driver.power_on(
            op.context,
            op.instance,
            op.instance.network_info,
            get_block_device_info(op),
        )


@traced("reboot")
def reboot(op: HostOperation, reboot_type: str) -> None:
    """Reboot. A hard reboot also repairs a server in ERROR.

    A soft reboot does nothing if a later reboot of the server supersedes it.
    """
    if reboot_type == "SOFT" and op.is_superseded_by_later("reboot"):
        return
    pending, started = _REBOOT_TASKS[reboot_type]
    with op.error_notified("reboot"), changed(op, "reboot", vm_states.ACTIVE):
        op.instance.task_state = pending
        op.instance.save()
        with current_interfaces(op) as network_info:
            op.instance.task_state = started
            op.instance.save()
            op.host.driver.reboot(
                op.context,
                op.instance,
                network_info,
                reboot_type,
                get_block_device_info(op),
            )


@traced("pause")
def pause(op: HostOperation) -> None:
    with changed(op, "pause", vm_states.PAUSED):
        op.host.driver.pause(op.instance)


@traced("unpause")
def unpause(op: HostOperation) -> None:
    with changed(op, "unpause", vm_states.ACTIVE):
        op.host.driver.unpause(op.instance)


@traced("suspend")
def suspend(op: HostOperation) -> None:
    with changed(op, "suspend", vm_states.SUSPENDED):
        op.host.driver.suspend(op.context, op.instance)


@traced("resume")
def resume(op: HostOperation) -> None:
    with changed(op, "resume", vm_states.ACTIVE):
        op.host.driver.resume(
            op.context,
            op.instance,
            op.instance.network_info,
            get_block_device_info(op),
        )
