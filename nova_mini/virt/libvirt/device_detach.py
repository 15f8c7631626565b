"""Taking a device from a guest that runs: it must agree, and may be slow to."""

from __future__ import annotations

from collections.abc import Callable

import libvirt
from oslo_log import log as logging

from nova_mini.conf import CONF
from nova_mini.virt.libvirt.config_devices import LibvirtConfigObject
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.host import Host

LOG = logging.getLogger(__name__)


def from_running(host: Host, guest: Guest, find: Callable[[], LibvirtConfigObject | None]) -> bool:
    """Ask until ``find`` sees the device no more; a guest that is still booting does not listen.

    Returns whether it is gone. Raises libvirtError.
    """
    for attempt in range(1, CONF.libvirt.device_detach_attempts + 1):
        config = find()
        if config is None:
            return True
        with host.device_removal(guest.uuid, config.alias) as removal:
            _ask_for(guest, config, last=attempt == CONF.libvirt.device_detach_attempts)
            if removal.wait(CONF.libvirt.device_detach_timeout):
                return True
        LOG.warning("kept %s at attempt %d", config.alias, attempt, instance_uuid=guest.uuid)
    return find() is None


def _ask_for(guest: Guest, config: LibvirtConfigObject, last: bool) -> None:
    """QEMU refuses to ask again while the guest is thinking about it; its answer still counts."""
    try:
        guest.detach_device(config, live=True)
    except libvirt.libvirtError as exc:
        if last:
            raise
        LOG.warning("%s", exc, instance_uuid=guest.uuid)
