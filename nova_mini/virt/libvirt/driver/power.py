"""Start, stop, reboot, pause and suspend a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt.driver.power import Power
from nova_mini.virt.libvirt import blockinfo, disks, power
from nova_mini.virt.libvirt.driver.domains import Domains

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import BlockDeviceInfo


class LibvirtPower(Domains, Power):
    def reboot(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        reboot_type: str,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        if reboot_type == "SOFT" and self._soft_reboot(context, instance):
            return
        self._hard_reboot(context, instance, network_info, block_device_info)

    @traced("LibvirtDriver._soft_reboot")
    def _soft_reboot(self, context, instance) -> bool:
        """Shut the guest down and start it again. Returns False if it does not shut down."""
        guest = self._host.find_guest(instance)
        if guest is None or guest.get_power_state() != power_state.RUNNING:
            return False
        if not power.clean_shutdown(guest, CONF.libvirt.wait_soft_reboot_seconds, 0):
            return False
        with self._tpms.unlocked(context, instance):
            guest.launch()
        self._wait_for_boot(guest)
        return True

    @traced("LibvirtDriver._hard_reboot")
    def _hard_reboot(
        self, context, instance, network_info, block_device_info: BlockDeviceInfo | None
    ) -> None:
        """Start a new domain with the same disks; missing disks and connections are made again.

        The old domain is stopped only after all calls of external services have succeeded.
        """
        image_meta = ImageMeta.from_instance(instance)
        block_device_info = block_device_info or blockinfo.disks_of_flavor(instance)
        disk_info = self._get_disk_info(instance, image_meta, block_device_info)
        injection_info = disks.InjectionInfo(network_info, [], None)
        self._create_image(
            context, instance, image_meta.id, disk_info, injection_info, block_device_info
        )
        connected = self._volumes.connect_all(context, instance, disk_info, block_device_info)
        xml = self._get_guest_xml(instance, network_info, disk_info, image_meta, connected)
        with self._tpms.unlocked(context, instance):
            guest = self._host.find_guest(instance)
            if guest:
                guest.poweroff()
            guest = self._create_domain_and_network(
                instance, xml, network_info, vifs_already_plugged=True
            )
        self._wait_for_boot(guest)

    def power_off(self, instance: Instance, timeout: int = 0, retry_interval: int = 0) -> None:
        guest = self._host.find_guest(instance)
        if guest is None or not guest.is_active():
            return
        if not (timeout and power.clean_shutdown(guest, timeout, retry_interval)):
            guest.poweroff()

    def power_on(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        guest = self._host.find_guest(instance)
        if guest and guest.get_power_state() == power_state.RUNNING:
            return
        self._hard_reboot(context, instance, network_info, block_device_info)

    def pause(self, instance: Instance) -> None:
        guest = self._host.get_guest(instance)
        if guest.get_power_state() != power_state.PAUSED:
            guest.pause()

    def unpause(self, instance: Instance) -> None:
        guest = self._host.get_guest(instance)
        if guest.get_power_state() != power_state.RUNNING:
            guest.resume()

    def suspend(self, context: RequestContext, instance: Instance) -> None:
        guest = self._host.get_guest(instance)
        if guest.is_active():
            guest.save_memory_state()

    def resume(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        guest = self._host.find_guest(instance)
        if guest and guest.is_active():
            return
        if guest is None or not guest.has_saved_memory():
            self._hard_reboot(context, instance, network_info, block_device_info)
            return
        self.plug_vifs(instance, network_info)
        with self._tpms.unlocked(context, instance):
            guest.launch()
        self._wait_for_boot(guest)
