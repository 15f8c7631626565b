"""Detach a device from a running guest. The guest has to release it, which may take time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

import libvirt
from oslo_log import log as logging

from nova_mini.actions import preemption
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.config_devices import (
    LibvirtConfigGuestDisk,
    LibvirtConfigGuestInterface,
)
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.host import Host

LOG = logging.getLogger(__name__)

Device: TypeAlias = LibvirtConfigGuestDisk | LibvirtConfigGuestInterface


def from_running(host: Host, guest: Guest, find: Callable[[], Device | None]) -> bool:
    """Request the detach until ``find`` returns None; a guest that is still booting ignores it.

    Returns whether the device is detached. Raises libvirtError, and Preempted when an urgent
    operation is pending.
    """
    started_at = time.monotonic()

    def check_urgent() -> None:
        preemption.check(time.monotonic() - started_at)

    for attempt in range(1, CONF.libvirt.device_detach_attempts + 1):
        config = find()
        if config is None:
            return True
        alias = config.alias or ""  # libvirt names all devices of a running domain
        with host.device_removal(guest.uuid, alias) as removal:
            _request_detach(guest, config, last=attempt == CONF.libvirt.device_detach_attempts)
            if removal.wait(CONF.libvirt.device_detach_timeout, check_urgent):
                return True
        LOG.warning(
            "Device %s: the guest did not release it in attempt %d",
            config.alias,
            attempt,
            instance_uuid=guest.uuid,
        )
    return find() is None


def _request_detach(guest: Guest, config: Device, last: bool) -> None:
    """An error is ignored unless this is the last attempt: QEMU refuses a second request while the
    first one is pending, and the answer to that one still counts."""
    try:
        guest.detach_device(config, live=True)
    except libvirt.libvirtError as exc:
        if last:
            raise
        LOG.warning("Could not request a detach: %s", exc, instance_uuid=guest.uuid)
