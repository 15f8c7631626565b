"""Stopping a guest: asked nicely, asked again, and at last without asking."""

from __future__ import annotations

import time

from oslo_log import log as logging

from nova_mini.compute import power_state
from nova_mini.virt.libvirt.guest import Guest

LOG = logging.getLogger(__name__)


def clean_shutdown(guest: Guest, timeout: float, retry_interval: float) -> bool:
    """Press the power button until the guest is off, again every ``retry_interval`` seconds for
    guests that were not listening yet. True when it is off before ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        if guest.get_power_state() not in (power_state.RUNNING, power_state.SHUTDOWN):
            LOG.info("is paused or crashed and cannot hear", instance_uuid=guest.uuid)
            return False
        guest.shutdown()
        if guest.wait_for_power_state(power_state.SHUTDOWN, min(left, retry_interval or left)):
            return True
    LOG.info("did not shut down in %s s", timeout, instance_uuid=guest.uuid)
    return False
