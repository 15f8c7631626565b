"""Volumes of guests: connected to the host, given to the guest, and all the way back.

A guest's volume is found in it by the name that is on record for it: that stays when another
volume takes its place, which the serial of a running guest's disk cannot tell.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import libvirt
from oslo_concurrency import lockutils
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.trace import traced
from nova_mini.virt import device_names
from nova_mini.virt.libvirt import blockinfo, device_detach, disk_swap, errors
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.hardware import DISK_BUSES, Hardware
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.secrets import Secrets
from nova_mini.virt.libvirt.volume import drivers
from nova_mini.virt.libvirt.volume.connections import Connections
from nova_mini.virt.libvirt.volume.volume import LibvirtBaseVolumeDriver

LOG = logging.getLogger(__name__)


def find(guest: Guest, mountpoint: str, persistent: bool) -> LibvirtConfigGuestDisk | None:
    dev = device_names.strip_dev(mountpoint)
    disks = guest.get_devices(persistent).disks
    return next((found for found in disks if found.target_dev == dev), None)


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
        self._connections = Connections()

    # -- of a guest that is there ----------------------------------------------------------------

    def attach(self, instance, guest: Guest, connection_info: dict, device: DiskDevice) -> None:
        """Raises VolumeAttachFailed. There already, live and in the definition, is fine."""
        self._connect_volume(instance.uuid, connection_info)
        config = self._get_volume_config(connection_info, device)
        live = guest.is_active()
        try:
            if live and not find(guest, device.dev, persistent=False):
                guest.attach_device(config, live=True)
            if not find(guest, device.dev, persistent=True):
                guest.attach_device(config, live=False)
        except libvirt.libvirtError as exc:
            LOG.exception("cannot attach %s", config.target_dev, instance=instance)
            refused = exception.VolumeAttachFailed(
                volume_id=config.serial, reason="the hypervisor refused it"
            )
            raise errors.failure(exc, refused) from exc

    def detach(self, instance, guest: Guest | None, connection_info: dict, mountpoint: str) -> None:
        """Returns when neither guest nor host has it. Raises DeviceDetachFailed."""
        if guest:
            self._detach_from_guest(instance, guest, mountpoint)
        self._disconnect_volume(instance.uuid, connection_info)

    def _detach_from_guest(self, instance, guest: Guest, mountpoint: str) -> None:
        try:
            config = find(guest, mountpoint, persistent=True)
            if config:
                guest.detach_device(config, live=False)
            gone = not guest.is_active() or device_detach.from_running(
                self._host, guest, functools.partial(find, guest, mountpoint, persistent=False)
            )
        except libvirt.libvirtError as exc:
            LOG.exception("cannot detach %s", mountpoint, instance=instance)
            refused = exception.DeviceDetachFailed(
                device=mountpoint, reason="the hypervisor refused it"
            )
            raise errors.failure(exc, refused) from exc
        if not gone:
            raise exception.DeviceDetachFailed(device=mountpoint, reason="the guest keeps it")

    def extend(
        self, guest: Guest | None, connection_info: dict, mountpoint: str, size: int
    ) -> None:
        """The volume has ``size`` bytes now: tell the host and, when it runs, the guest."""
        self._drivers.of(connection_info).extend_volume(connection_info, size)
        if guest and guest.is_active():
            config = find(guest, mountpoint, persistent=False)
            if config:
                guest.resize_disk(config.target_dev, size)

    def swap(
        self,
        instance,
        guest: Guest,
        old_connection_info: dict | None,
        new_connection_info: dict,
        mountpoint: str,
        *,
        is_larger: bool,
        commit: Callable[[], None] | None,
    ) -> None:
        """See ``ComputeDriver.swap_volume``."""
        self._connect_volume(instance.uuid, new_connection_info)
        try:
            self._swap_in_guest(guest, new_connection_info, mountpoint, is_larger, commit)
        except libvirt.libvirtError as exc:
            LOG.exception("cannot swap %s", mountpoint, instance=instance)
            refused = exception.VolumeSwapFailed(
                volume_id=new_connection_info["serial"], reason="the hypervisor refused it"
            )
            raise errors.failure(exc, refused) from exc
        if old_connection_info:
            self._disconnect_volume(instance.uuid, old_connection_info)

    def _swap_in_guest(self, guest, new_connection_info, mountpoint, is_larger, commit) -> None:
        present = find(guest, mountpoint, persistent=True)
        if present is None:
            raise exception.VolumeSwapFailed(
                volume_id=new_connection_info["serial"], reason=f"the guest has no {mountpoint}"
            )
        device = DiskDevice(
            present.target_bus, present.target_dev, present.source_device, present.boot_order
        )
        config = self._get_volume_config(new_connection_info, device)
        disk_swap.swap(guest, config, is_larger=is_larger, commit=commit)

    def give_up_swap(
        self, instance, guest: Guest | None, new_connection_info: dict, mountpoint: str
    ) -> None:
        """Of a swap that was not committed: the guest goes on with what it has."""
        if guest and guest.is_active() and find(guest, mountpoint, persistent=False):
            guest.abort_disk_job(device_names.strip_dev(mountpoint))
        self._disconnect_volume(instance.uuid, new_connection_info)

    # -- of a guest that is made -----------------------------------------------------------------

    def connect_all(
        self, instance, disk_info: blockinfo.DiskInfo, block_device_info: dict | None
    ) -> dict[str, LibvirtConfigGuestDisk]:
        """The disks of all its volumes, by their names in ``disk_info``."""
        disks = {}
        for volume in blockinfo.get_volumes(block_device_info):
            name, connection_info = volume["mount_device"], volume["connection_info"]
            self._connect_volume(instance.uuid, connection_info)
            disks[name] = self._get_volume_config(connection_info, disk_info.mapping[name])
        return disks

    def disconnect_all(self, instance, block_device_info: dict | None) -> None:
        """The guest is gone: whatever of it the host still holds, it lets go, be it told of it or
        not."""
        for volume in blockinfo.get_volumes(block_device_info):
            self._disconnect_volume(instance.uuid, volume["connection_info"], force=True)
        for connection_info in self._connections.of(instance.uuid):
            self._disconnect_volume(instance.uuid, connection_info, force=True)

    # -- of the host -----------------------------------------------------------------------------

    def connected_instances(self) -> set[str]:
        """Uuids of those for which something is connected here."""
        return self._connections.instances()

    @traced
    def _connect_volume(self, instance_uuid: str, connection_info: dict) -> None:
        """Raises VolumeEncryptionNotSupported: a guest must never write plain data where its user
        was promised ciphertext."""
        if connection_info["data"].get("encrypted"):
            raise exception.VolumeEncryptionNotSupported(volume_id=connection_info["serial"])
        driver = self._drivers.of(connection_info)
        place = driver.place(connection_info)
        if place is None:
            driver.connect_volume(connection_info)
            return
        with _shared(driver, connection_info):
            self._connections.add(instance_uuid, place, connection_info)
            driver.connect_volume(connection_info)
            self._connections.add(instance_uuid, place, connection_info)

    @traced
    def _get_volume_config(
        self, connection_info: dict, device: DiskDevice
    ) -> LibvirtConfigGuestDisk:
        return self._drivers.of(connection_info).get_config(connection_info, device)

    @traced
    def _disconnect_volume(
        self, instance_uuid: str, connection_info: dict, force: bool = False
    ) -> None:
        """Unless another server here uses the same volume."""
        driver = self._drivers.find(connection_info)
        place = driver and driver.place(connection_info)
        if place is None:
            return
        with _shared(driver, connection_info):
            others = [
                other
                for other in self._connections.of_others(instance_uuid, place)
                if self._drivers.find(other) is driver
            ]
            if place not in map(driver.place, others):
                known = self._connections.find(instance_uuid, place)
                driver.disconnect_volume(known or connection_info, force)
            if driver.carrier(connection_info) not in map(driver.carrier, others):
                driver.leave(connection_info)
            self._connections.remove(instance_uuid, place)


def _shared(driver: LibvirtBaseVolumeDriver, connection_info: dict):
    """Held while a connection comes or goes that may be somebody else's, too."""
    shared = driver.carrier(connection_info) or driver.place(connection_info)
    return lockutils.lock(f"connection {shared}")
