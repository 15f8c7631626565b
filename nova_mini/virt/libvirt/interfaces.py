"""Attach NICs to existing guests and detach them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import libvirt
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.objects.network_model import VIF
from nova_mini.virt.libvirt import config_metadata, device_detach, errors
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestInterface
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.host import Host

if TYPE_CHECKING:
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)


def find(guest: Guest, mac: str, persistent: bool) -> LibvirtConfigGuestInterface | None:
    interfaces = guest.get_devices(persistent).interfaces
    return next((found for found in interfaces if found.mac_addr == mac), None)


def attach(instance: Instance, guest: Guest, config: LibvirtConfigGuestInterface) -> None:
    """Add a NIC to the running domain and to its definition. Idempotent.

    Raises InterfaceAttachFailed, HypervisorUnavailable.
    """
    live = guest.is_active()
    try:
        if live and not find(guest, config.mac_addr, persistent=False):
            guest.attach_device(config, live=True)
        if not find(guest, config.mac_addr, persistent=True):
            guest.attach_device(config, live=False)
    except libvirt.libvirtError as exc:
        refused = exception.InterfaceAttachFailed(instance_uuid=instance.uuid, internal=str(exc))
        raise errors.failure(exc, refused) from exc


def detach(host: Host, instance: Instance, guest: Guest, mac: str) -> None:
    """Remove a NIC from the definition and the running domain; returns when the guest has released
    it.

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
        refused = exception.InterfaceDetachFailed(instance_uuid=instance.uuid, internal=str(exc))
        raise errors.failure(exc, refused) from exc


def update_metadata(
    instance: Instance, guest: Guest, image_meta: ImageMeta, changed: VIF, plugged: bool
) -> None:
    """Update the ports in the domain's metadata after ``changed`` was plugged or unplugged.

    A failure is only logged: the NIC itself is changed already.
    """
    vifs = [vif for vif in instance.network_info if vif.id != changed.id]
    if plugged:
        vifs.append(changed)
    try:
        guest.set_metadata(config_metadata.from_instance(instance, vifs, image_meta))
    except libvirt.libvirtError as exc:
        LOG.warning("Could not update the domain's metadata: %s", exc, instance=instance)
