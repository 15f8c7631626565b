"""Start, stop, reboot, pause, suspend: what changes a server's power and nothing else.

Each ends with the state in the instance; it is saved with the end of the action.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nova_mini.compute import task_states, vm_states
from nova_mini.compute.operation import block_device_mappings
from nova_mini.conf import CONF
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device

_REBOOT_TASKS = {
    "SOFT": (task_states.REBOOT_PENDING, task_states.REBOOT_STARTED),
    "HARD": (task_states.REBOOT_PENDING_HARD, task_states.REBOOT_STARTED_HARD),
}


@contextlib.contextmanager
def _power_change(manager, context, instance, event: str, vm_state: str) -> Iterator[None]:
    """Notify around it; then the server is in ``vm_state`` with what the hypervisor says."""
    notify_about_instance_usage(context, instance, f"{event}.start")
    yield
    instance.power_state = manager.driver.get_info(instance).state
    instance.vm_state = vm_state
    instance.task_state = None
    notify_about_instance_usage(context, instance, f"{event}.end")


def get_block_device_info(manager, context, instance) -> dict:
    """The disks with which a guest is started: its volumes only if they are still its own, by what
    Cinder says now. Raises InvalidVolume."""
    bdms = block_device_mappings()
    driver_block_device.refresh_connections(context, bdms, manager.volume_api)
    return driver_block_device.get_block_device_info(instance, bdms)


@traced
def stop(manager, context, instance) -> None:
    with _power_change(manager, context, instance, "power_off", vm_states.STOPPED):
        manager.driver.power_off(instance, CONF.shutdown_timeout, 10)


@traced
def start(manager, context, instance) -> None:
    with _power_change(manager, context, instance, "power_on", vm_states.ACTIVE):
        manager.driver.power_on(
            context,
            instance,
            instance.network_info,
            get_block_device_info(manager, context, instance),
        )


@traced
def reboot(manager, context, instance, reboot_type: str) -> None:
    """A hard reboot also mends a server in ERROR: that is what it is for."""
    pending, started = _REBOOT_TASKS[reboot_type]
    with _power_change(manager, context, instance, "reboot", vm_states.ACTIVE):
        instance.task_state = pending
        instance.save()
        instance.network_info = manager.network_api.get_instance_nw_info(context, instance)
        instance.task_state = started
        instance.save()
        manager.driver.reboot(
            context,
            instance,
            instance.network_info,
            reboot_type,
            get_block_device_info(manager, context, instance),
        )


@traced
def pause(manager, context, instance) -> None:
    with _power_change(manager, context, instance, "pause", vm_states.PAUSED):
        manager.driver.pause(instance)


@traced
def unpause(manager, context, instance) -> None:
    with _power_change(manager, context, instance, "unpause", vm_states.ACTIVE):
        manager.driver.unpause(instance)


@traced
def suspend(manager, context, instance) -> None:
    with _power_change(manager, context, instance, "suspend", vm_states.SUSPENDED):
        manager.driver.suspend(context, instance)


@traced
def resume(manager, context, instance) -> None:
    with _power_change(manager, context, instance, "resume", vm_states.ACTIVE):
        manager.driver.resume(
            context,
            instance,
            instance.network_info,
            get_block_device_info(manager, context, instance),
        )
