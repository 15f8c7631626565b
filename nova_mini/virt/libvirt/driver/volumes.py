"""The volumes of a guest: attach, detach, swap, extend."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from oslo_utils import units

from nova_mini.trace import traced
from nova_mini.virt.driver.volumes import Volumes
from nova_mini.virt.libvirt import blockinfo, volumes
from nova_mini.virt.libvirt.driver.parts import DriverParts
from nova_mini.virt.libvirt.volume import drivers as volume_drivers

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.block_device_mapping import BlockDeviceMapping
    from nova_mini.objects.instance import Instance
    from nova_mini.volume.connection_info import ConnectionInfo


class LibvirtVolumes(DriverParts, Volumes):
    def get_volume_connector(self, instance: Instance) -> dict[str, Any]:
        return volume_drivers.get_volume_connector(self._hostname)

    def get_device_name_for_instance(
        self, instance: Instance, bdms: Iterable[BlockDeviceMapping], bdm: BlockDeviceMapping
    ) -> str:
        return blockinfo.get_device_name(self._host.capabilities.arch, instance, bdms, bdm)

    @traced("LibvirtDriver.attach_volume")
    def attach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        disk_bus: str | None = None,
        device_type: str | None = None,
    ) -> None:
        guest = self._host.get_guest(instance)
        device = volumes.device_of(mountpoint, disk_bus, device_type)
        self._volumes.attach(context, instance, guest, connection_info, device)

    @traced("LibvirtDriver.detach_volume")
    def detach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        guest = self._host.find_guest(instance)
        self._volumes.detach(instance, guest, connection_info, mountpoint)

    @traced("LibvirtDriver.swap_volume")
    def swap_volume(
        self,
        context: RequestContext,
        old_connection_info: ConnectionInfo | None,
        new_connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        *,
        is_larger: bool,
        commit: Callable[[], None] | None,
    ) -> None:
        self._volumes.swap(
            context,
            instance,
            self._host.get_guest(instance),
            old_connection_info,
            new_connection_info,
            mountpoint,
            is_larger=is_larger,
            commit=commit,
        )

    @traced("LibvirtDriver.give_up_swap")
    def undo_swap_volume(
        self,
        context: RequestContext,
        new_connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        guest = self._host.find_guest(instance)
        self._volumes.undo_swap(instance, guest, new_connection_info, mountpoint)

    @traced("LibvirtDriver.extend_volume")
    def extend_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        size: int,
    ) -> None:
        guest = self._host.find_guest(instance)
        self._volumes.extend(guest, connection_info, mountpoint, size * units.Gi)
