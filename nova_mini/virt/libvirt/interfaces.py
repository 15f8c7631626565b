"""NICs that come and go while the guest is there."""

from __future__ import annotations

import functools

import libvirt
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.virt.libvirt import device_detach, errors
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestInterface
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.host import Host

LOG = logging.getLogger(__name__)


def find(guest: Guest, mac: str, persistent: bool) -> LibvirtConfigGuestInterface | None:
    interfaces = guest.get_devices(persistent).interfaces
    return next((found for found in interfaces if found.mac_addr == mac), None)


def attach(instance, guest: Guest, config: LibvirtConfigGuestInterface) -> None:
    """There already, live and in the definition, is fine.

    Raises InterfaceAttachFailed, HypervisorUnavailable.
    """
    live = guest.is_active()
    try:
        if live and not find(guest, config.mac_addr, persistent=False):
            guest.attach_device(config, live=True)
        if not find(guest, config.mac_addr, persistent=True):
            guest.attach_device(config, live=False)
    except libvirt.libvirtError as exc:
        LOG.exception("cannot attach %s", config.target_dev, instance=instance)
        refused = exception.InterfaceAttachFailed(instance_uuid=instance.uuid)
        raise errors.failure(exc, refused) from exc


def detach(host: Host, instance, guest: Guest, mac: str) -> None:
    """Returns when neither definition nor guest has it.

    Raises InterfaceDetachFailed, HypervisorUnavailable.
    """
    try:
        config = find(guest, mac, persistent=True)
        if config:
            guest.detach_device(config, live=False)
        if guest.is_active() and not device_detach.from_running(
            host, guest, functools.partial(find, guest, mac, persistent=False)
        ):
            raise exception.InterfaceDetachFailed(instance_uuid=instance.uuid)
    except libvirt.libvirtError as exc:
        LOG.exception("cannot detach %s", mac, instance=instance)
        refused = exception.InterfaceDetachFailed(instance_uuid=instance.uuid)
        raise errors.failure(exc, refused) from exc
