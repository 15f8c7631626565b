"""Volumes of guests: connected to the host, given to the guest, and all the way back.

A guest's volumes are found in it by their serial, which is the volume's id.
"""

from __future__ import annotations

import functools

import libvirt
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.trace import traced
from nova_mini.virt import device_names
from nova_mini.virt.libvirt import blockinfo, device_detach, errors
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.hardware import DISK_BUSES, Hardware
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.secrets import Secrets
from nova_mini.virt.libvirt.volume import drivers

LOG = logging.getLogger(__name__)


def find(guest: Guest, serial: str, persistent: bool) -> LibvirtConfigGuestDisk | None:
    disks = guest.get_devices(persistent).disks
    return next((found for found in disks if found.serial == serial), None)


def device_of(mountpoint: str, disk_bus: str | None, device_type: str | None) -> DiskDevice:
    """How the guest shall see a volume. Raises UnsupportedHardware."""
    dev = device_names.strip_dev(mountpoint)
    bus = disk_bus or device_names.bus_of(dev)
    Hardware.check("disk_bus", bus, DISK_BUSES)
    return DiskDevice(bus, dev, type=device_type or "disk")


class Volumes:
    """Between a host and its guests; how a volume comes to the host is its driver's affair."""

    def __init__(self, host: Host):
        self._host = host
        self._drivers = drivers.VolumeDrivers(Secrets(host))

    # -- of a guest that is there ----------------------------------------------------------------

    def attach(self, instance, guest: Guest, connection_info: dict, device: DiskDevice) -> None:
        """Raises VolumeAttachFailed. There already, live and in the definition, is fine."""
        self._connect_volume(connection_info)
        config = self._get_volume_config(connection_info, device)
        live = guest.is_active()
        try:
            if live and not find(guest, config.serial, persistent=False):
                guest.attach_device(config, live=True)
            if not find(guest, config.serial, persistent=True):
                guest.attach_device(config, live=False)
        except libvirt.libvirtError as exc:
            LOG.exception("cannot attach %s", config.target_dev, instance=instance)
            refused = exception.VolumeAttachFailed(
                volume_id=config.serial, reason="the hypervisor refused it"
            )
            raise _failure(exc, refused) from exc

    def detach(self, instance, guest: Guest | None, connection_info: dict) -> None:
        """Returns when neither guest nor host has it. Raises DeviceDetachFailed."""
        if guest:
            self._detach_from_guest(instance, guest, connection_info["serial"])
        self._disconnect_volume(connection_info)

    def _detach_from_guest(self, instance, guest: Guest, serial: str) -> None:
        try:
            config = find(guest, serial, persistent=True)
            if config:
                guest.detach_device(config, live=False)
            gone = not guest.is_active() or device_detach.from_running(
                self._host, guest, functools.partial(find, guest, serial, persistent=False)
            )
        except libvirt.libvirtError as exc:
            LOG.exception("cannot detach volume %s", serial, instance=instance)
            refused = exception.DeviceDetachFailed(
                device=serial, reason="the hypervisor refused it"
            )
            raise _failure(exc, refused) from exc
        if not gone:
            raise exception.DeviceDetachFailed(device=serial, reason="the guest keeps it")

    def extend(self, guest: Guest | None, connection_info: dict, size: int) -> None:
        """The volume has ``size`` bytes now: tell the host and, when it runs, the guest."""
        self._drivers.of(connection_info).extend_volume(connection_info, size)
        if guest and guest.is_active():
            config = find(guest, connection_info["serial"], persistent=False)
            if config:
                guest.resize_disk(config.target_dev, size)

    # -- of a guest that is made -----------------------------------------------------------------

    def connect_all(
        self, disk_info: blockinfo.DiskInfo, block_device_info: dict | None
    ) -> dict[str, LibvirtConfigGuestDisk]:
        """The disks of all its volumes, by their names in ``disk_info``."""
        disks = {}
        for volume in blockinfo.get_volumes(block_device_info):
            name, connection_info = volume["mount_device"], volume["connection_info"]
            self._connect_volume(connection_info)
            disks[name] = self._get_volume_config(connection_info, disk_info.mapping[name])
        return disks

    def disconnect_all(self, block_device_info: dict | None) -> None:
        """The guest is gone: whatever of it the host still holds, it lets go."""
        for volume in blockinfo.get_volumes(block_device_info):
            self._disconnect_volume(volume["connection_info"], force=True)

    # -- of the host -----------------------------------------------------------------------------

    @traced
    def _connect_volume(self, connection_info: dict) -> None:
        self._drivers.of(connection_info).connect_volume(connection_info)

    @traced
    def _get_volume_config(
        self, connection_info: dict, device: DiskDevice
    ) -> LibvirtConfigGuestDisk:
        return self._drivers.of(connection_info).get_config(connection_info, device)

    @traced
    def _disconnect_volume(self, connection_info: dict, force: bool = False) -> None:
        driver = self._drivers.find(connection_info)
        if driver:
            driver.disconnect_volume(connection_info, force)


def _failure(exc: libvirt.libvirtError, refused: exception.NovaException):
    """``refused``, unless libvirtd was not there: then it can be asked again."""
    translated = errors.translate(exc)
    return translated if isinstance(translated, exception.HypervisorUnavailable) else refused
