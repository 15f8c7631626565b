"""Connect volumes to the host, attach them to guests, and undo both.

A volume is found in a guest by the device name that is stored for it, not by its serial: in a
running guest the serial does not change when the volume is swapped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import libvirt
from oslo_concurrency import lockutils
from oslo_utils import units

from nova_mini import exception
from nova_mini.guest_options.choices import DEVICE_TYPES, DISK_BUSES
from nova_mini.keymgr.keys import Keys
from nova_mini.trace import traced
from nova_mini.virt import device_names
from nova_mini.virt.libvirt import blockinfo, device_detach, disk_swap, errors
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.hardware import Hardware
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.secrets import Secrets
from nova_mini.virt.libvirt.volume import drivers, luks
from nova_mini.virt.libvirt.volume.connections import Connections
from nova_mini.virt.libvirt.volume.encrypted import EncryptedVolumes
from nova_mini.virt.libvirt.volume.volume import LibvirtBaseVolumeDriver

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.volume.connection_info import ConnectionInfo, VolumeEncryption


def find(guest: Guest, mountpoint: str, persistent: bool) -> LibvirtConfigGuestDisk | None:
    """The volume of a guest at ``mountpoint``. Only volumes have a serial: in a rescued guest,
    another disk may have the name of a volume."""
    dev = device_names.strip_dev(mountpoint)
    disks = guest.get_devices(persistent).disks
    return next((found for found in disks if found.target_dev == dev and found.serial), None)


def device_of(mountpoint: str, disk_bus: str | None, device_type: str | None) -> DiskDevice:
    """The device of a volume in the guest. Raises UnsupportedHardware."""
    dev = device_names.strip_dev(mountpoint)
    bus = disk_bus or device_names.bus_of(dev)
    Hardware.check("disk_bus", bus, DISK_BUSES)
    kind = Hardware.check("device_type", device_type or "disk", DEVICE_TYPES)
    return DiskDevice(bus, dev, type=kind)


class Volumes:
    """The volumes of one host's guests."""

    def __init__(self, host: Host):
        self._host = host
        secrets = Secrets(host)
        self._drivers = drivers.VolumeDrivers(secrets)
        self._encrypted = EncryptedVolumes(secrets, Keys())
        self._connections = Connections()

    # -- volumes of an existing guest ------------------------------------------------------------

    def attach(
        self,
        context: RequestContext,
        instance: Instance,
        guest: Guest,
        connection_info: ConnectionInfo,
        device: DiskDevice,
    ) -> None:
        """Connect a volume and add it to the running domain and to its definition. Idempotent.
        ``context``: of the user whose token reads the key of an encrypted volume. Raises
        VolumeAttachFailed."""
        self._connect_volume(context, instance, connection_info)
        config = self._get_volume_config(connection_info, device)
        live = guest.is_active()
        try:
            if live and not find(guest, device.dev, persistent=False):
                guest.attach_device(config, live=True)
            if not find(guest, device.dev, persistent=True):
                guest.attach_device(config, live=False)
        except libvirt.libvirtError as exc:
            refused = exception.VolumeAttachFailed(
                volume_id=config.serial,
                reason="the hypervisor rejected it",
                internal=str(exc),
            )
            raise errors.failure(exc, refused) from exc

    def detach(
        self,
        instance: Instance,
        guest: Guest | None,
        connection_info: ConnectionInfo,
        mountpoint: str,
    ) -> None:
        """Remove a volume from the guest and disconnect it; returns when the guest has released it.
        Idempotent. Raises DeviceDetachFailed."""
        if guest:
            self._detach_from_guest(instance, guest, mountpoint)
        self._disconnect_volume(instance.uuid, connection_info)

    def _detach_from_guest(self, instance, guest: Guest, mountpoint: str) -> None:
        try:
            config = find(guest, mountpoint, persistent=True)
            if config:
                guest.detach_device(config, live=False)
            detached = not guest.is_active() or device_detach.from_running(
                self._host, guest, functools.partial(find, guest, mountpoint, persistent=False)
            )
        except libvirt.libvirtError as exc:
            refused = exception.DeviceDetachFailed(
                device=mountpoint, reason="the hypervisor rejected it", internal=str(exc)
            )
            raise errors.failure(exc, refused) from exc
        if not detached:
            raise exception.DeviceDetachFailed(
                device=mountpoint, reason="the guest does not release it"
            )

    def extend(
        self, guest: Guest | None, connection_info: ConnectionInfo, mountpoint: str, size: int
    ) -> None:
        """Make the new size (bytes) of a volume visible to the host and to a running guest."""
        self._drivers.get(connection_info).extend_volume(connection_info, size)
        if guest and guest.is_active():
            config = find(guest, mountpoint, persistent=False)
            if config and "encryption" in connection_info:
                encryption = connection_info["encryption"]
                size -= _encryption_overhead(guest, config.target_dev, encryption)
            if config:
                guest.resize_disk(config.target_dev, size)

    def swap(
        self,
        context: RequestContext,
        instance: Instance,
        guest: Guest,
        old_connection_info: ConnectionInfo | None,
        new_connection_info: ConnectionInfo,
        mountpoint: str,
        *,
        is_larger: bool,
        commit: Callable[[], None] | None,
    ) -> None:
        """See ``ComputeDriver.swap_volume``."""
        self._connect_volume(context, instance, new_connection_info)
        try:
            self._swap_in_guest(guest, new_connection_info, mountpoint, is_larger, commit)
        except libvirt.libvirtError as exc:
            refused = exception.VolumeSwapFailed(
                volume_id=new_connection_info["serial"],
                reason="the hypervisor rejected it",
                internal=str(exc),
            )
            raise errors.failure(exc, refused) from exc
        if old_connection_info:
            self._disconnect_volume(instance.uuid, old_connection_info)

    def _swap_in_guest(self, guest, new_connection_info, mountpoint, is_larger, commit) -> None:
        current = find(guest, mountpoint, persistent=True)
        if current is None:
            raise exception.VolumeSwapFailed(
                volume_id=new_connection_info["serial"], reason=f"the guest has no {mountpoint}"
            )
        device = DiskDevice(
            current.target_bus, current.target_dev, current.source_device, current.boot_order
        )
        config = self._get_volume_config(new_connection_info, device)
        disk_swap.swap(guest, config, is_larger=is_larger, commit=commit)

    def undo_swap(
        self,
        instance: Instance,
        guest: Guest | None,
        new_connection_info: ConnectionInfo,
        mountpoint: str,
    ) -> None:
        """Undo a swap that was not committed; the guest keeps its volume."""
        if guest and guest.is_active() and find(guest, mountpoint, persistent=False):
            guest.abort_disk_job(device_names.strip_dev(mountpoint))
        self._disconnect_volume(instance.uuid, new_connection_info)

    # -- all volumes of a guest ------------------------------------------------------------------

    def connect_all(
        self,
        context: RequestContext,
        instance: Instance,
        disk_info: blockinfo.DiskInfo,
        block_device_info: BlockDeviceInfo,
    ) -> dict[str, LibvirtConfigGuestDisk]:
        """Connect all volumes of an instance; returns their disks by their names in
        ``disk_info``."""
        disks = {}
        for volume in block_device_info.volumes:
            name, connection_info = volume.device_name, volume.connection_info
            self._connect_volume(context, instance, connection_info)
            disks[name] = self._get_volume_config(connection_info, disk_info.mapping[name])
        return disks

    def disconnect_all(self, instance: Instance, block_device_info: BlockDeviceInfo | None) -> None:
        """Disconnect all volumes of an instance whose guest was removed: those in
        ``block_device_info`` and those that are stored as connected."""
        for volume in block_device_info.volumes if block_device_info else ():
            self._disconnect_volume(instance.uuid, volume.connection_info, force=True)
        stored = self._connections.of_instance(instance.uuid)
        for connection_info in stored + self._encrypted.of_instance(instance.uuid):
            self._disconnect_volume(instance.uuid, connection_info, force=True)

    # -- connections of the host -----------------------------------------------------------------

    def connected_instances(self) -> set[str]:
        """Uuids of the instances with connected volumes on this host."""
        return self._connections.instances() | self._encrypted.instances()

    @traced("Volumes._connect_volume")
    def _connect_volume(
        self, context: RequestContext, instance: Instance, connection_info: ConnectionInfo
    ) -> None:
        """Raises VolumeAttachFailed, VolumeEncryptionNotSupported."""
        self._connect_to_host(instance.uuid, connection_info)
        self._encrypted.prepare(context, instance, connection_info)

    def _connect_to_host(self, instance_uuid: str, connection_info: ConnectionInfo) -> None:
        driver = self._drivers.get(connection_info)
        key = driver.connection_key(connection_info)
        if key is None:
            driver.connect_volume(connection_info)
            return
        with _lock(driver, connection_info):
            self._connections.add(instance_uuid, key, connection_info)
            driver.connect_volume(connection_info)
            self._connections.add(instance_uuid, key, connection_info)

    @traced("Volumes._get_volume_config")
    def _get_volume_config(
        self, connection_info: ConnectionInfo, device: DiskDevice
    ) -> LibvirtConfigGuestDisk:
        return self._drivers.get(connection_info).get_config(connection_info, device)

    @traced("Volumes._disconnect_volume")
    def _disconnect_volume(
        self, instance_uuid: str, connection_info: ConnectionInfo, force: bool = False
    ) -> None:
        """Disconnect a volume unless another server on this host uses it."""
        self._disconnect_from_host(instance_uuid, connection_info, force)
        self._encrypted.release(instance_uuid, connection_info)

    def _disconnect_from_host(
        self, instance_uuid: str, connection_info: ConnectionInfo, force: bool
    ) -> None:
        driver = self._drivers.find(connection_info)
        key = driver.connection_key(connection_info) if driver else None
        if driver is None or key is None:
            return
        with _lock(driver, connection_info):
            others = [
                other
                for other in self._connections.all_except(instance_uuid, key)
                if self._drivers.find(other) is driver
            ]
            if key not in map(driver.connection_key, others):
                stored = self._connections.find(instance_uuid, key)
                driver.disconnect_volume(stored or connection_info, force)
            if driver.shared_resource(connection_info) not in map(driver.shared_resource, others):
                driver.release_shared_resource(connection_info)
            self._connections.remove(instance_uuid, key)


def _encryption_overhead(guest: Guest, dev: str, encryption: VolumeEncryption) -> int:
    """Bytes of a larger volume that its guest does not see: the LUKS header. Volumes have whole
    GiB, and the header is smaller. Cinder makes new images in Ceph larger by the header, and does
    not when it extends them."""
    return -guest.get_disk_size(dev) % units.Gi or luks.header_size(encryption)


def _lock(driver: LibvirtBaseVolumeDriver, connection_info: ConnectionInfo):
    """Held while a volume is connected or disconnected. Connections that share a resource share the
    lock."""
    key = driver.shared_resource(connection_info) or driver.connection_key(connection_info)
    return lockutils.lock(f"connection {key}")
