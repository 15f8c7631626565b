"""Start a guest from a rescue disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.trace import traced
from nova_mini.virt.driver.rescue import Rescue
from nova_mini.virt.libvirt import disks, rescue
from nova_mini.virt.libvirt.driver.power import LibvirtPower
from nova_mini.virt.libvirt.guest import Guest

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import BlockDeviceInfo


class LibvirtRescue(LibvirtPower, Rescue):
    @traced("LibvirtDriver.rescue")
    def rescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        rescue_image: ImageMeta,
        admin_password: str | None,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        arch = self._host.capabilities.arch
        layout = rescue.get_layout(arch, instance, rescue_image, block_device_info)
        self.power_off(instance)
        rescue.remove_disks(instance, self.image_backend)
        rescue.create_disks(
            context,
            self._image_api,
            instance,
            self.image_backend,
            layout,
            disks.InjectionInfo(network_info, [], admin_password),
        )
        info, block_device_info = layout.disk_info, layout.block_device_info
        connected = self._volumes.connect_all(context, instance, info, block_device_info)
        xml = self._get_guest_xml(
            instance, network_info, info, layout.image_meta, connected, layout.boot
        )
        guest = self._create_domain_and_network(
            instance, xml, network_info, vifs_already_plugged=True
        )
        self._wait_for_boot(guest)

    @traced("LibvirtDriver.unrescue")
    def unrescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        guest = self._host.find_guest(instance)
        is_back = guest and guest.is_active() and not rescue.is_used_by(guest)
        if not is_back:
            self._hard_reboot(context, instance, network_info, block_device_info)
        self.remove_rescue_disks(instance)

    def remove_rescue_disks(self, instance: Instance) -> None:
        rescue.remove_disks(instance, self.image_backend)

    def list_unused_rescue_disks(self) -> set[str]:
        owners = rescue.list_owners(self.image_backend)
        if not owners:
            return set()
        guests = [guest for guest in self._host.list_guests() if guest.uuid in owners]
        used = {guest.uuid for guest in guests if self._has_rescue_disk(guest)}
        return owners - used

    @staticmethod
    def _has_rescue_disk(guest: Guest) -> bool:
        return rescue.is_used_by(guest, persistent=True) or rescue.is_used_by(guest)
