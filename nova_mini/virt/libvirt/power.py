"""Shut a guest down by its power button."""

from __future__ import annotations

import time

from oslo_log import log as logging

from nova_mini.actions import preemption
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt.libvirt.guest import Guest

LOG = logging.getLogger(__name__)

_CHECK_SECONDS = 0.5  # between two checks of the guest's state and of urgent operations


@traced("clean_shutdown")
def clean_shutdown(guest: Guest, timeout: float, retry_interval: float) -> bool:
    """Press the power button every ``retry_interval`` seconds until the guest is off: a guest that
    is still booting ignores it. Returns whether the guest is off within ``timeout`` seconds.

    Raises Preempted when an urgent operation is pending.
    """
    started_at = press_at = time.monotonic()
    while (now := time.monotonic()) < started_at + timeout:
        if guest.get_power_state() not in (power_state.RUNNING, power_state.SHUTDOWN):
            LOG.info(
                "The guest is paused or crashed and cannot shut down", instance_uuid=guest.uuid
            )
            return False
        if now >= press_at:
            guest.shutdown()
            press_at = now + (retry_interval or timeout)
        pause = min(started_at + timeout, press_at) - now
        if guest.wait_for_power_state(power_state.SHUTDOWN, min(pause, _CHECK_SECONDS)):
            return True
        preemption.check(time.monotonic() - started_at)
    LOG.info("The guest did not shut down within %s s", timeout, instance_uuid=guest.uuid)
    return False
