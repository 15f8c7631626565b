"""The steps that make a domain: its disks, its definition, its ports, its start.

The creation, a hard reboot, a rescue and a live migration share them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import libvirt
from oslo_log import log as logging
from oslo_utils import strutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt import private_files
from nova_mini.virt.libvirt import blockinfo, boot_files, disks, utils
from nova_mini.virt.libvirt.driver.parts import DriverParts
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.guest_config import GuestConfigBuilder

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import BlockDeviceInfo

LOG = logging.getLogger(__name__)
BOOT_TIMEOUT = 60  # seconds until a started domain must be running (QEMU, not the guest's system)
BOOT_POLL = 0.1


class Domains(DriverParts):
    def _get_disk_info(
        self, instance, image_meta, block_device_info: BlockDeviceInfo
    ) -> blockinfo.DiskInfo:
        disk_info = blockinfo.get_disk_info(
            self._host.capabilities.arch, instance, image_meta, block_device_info
        )
        blockinfo.name_devices(instance, disk_info)
        return disk_info

    @traced("LibvirtDriver._create_image")
    def _create_image(
        self,
        context,
        instance,
        image_id: str | None,
        disk_info: blockinfo.DiskInfo,
        injection_info: disks.InjectionInfo,
        block_device_info: BlockDeviceInfo,
        fallback_from_host: str | None = None,
    ) -> None:
        """Create all disks and files of the instance, the root disk from ``image_id``. Existing
        ones are kept."""
        LOG.info("Creating disks", instance=instance)
        disks.check_empty_disks(instance, block_device_info)
        private_files.make_folder(utils.get_instance_path(instance))
        boot_files.fetch(context, self._image_api, instance, fallback_from_host)
        if blockinfo.LOCAL_ROOT in disk_info.mapping:
            disks.create_root(
                context,
                self._image_api,
                instance,
                image_id,
                self.image_backend,
                injection_info,
                fallback_from_host,
            )
        disks.create_ephemerals(instance, self.image_backend, block_device_info)
        disks.create_swap(instance, self.image_backend, block_device_info)
        if blockinfo.CONFIG_DRIVE in disk_info.mapping:
            disks.create_config_drive(
                instance, self.image_backend, injection_info, block_device_info
            )

    def _guest_config_builder(self) -> GuestConfigBuilder:
        return GuestConfigBuilder(
            self._host.capabilities, self.image_backend, self.vif_driver, self._serial_ports
        )

    @traced("LibvirtDriver._get_guest_xml")
    def _get_guest_xml(
        self, instance, network_info, disk_info, image_meta, connected, boot=None
    ) -> str:
        """The domain's definition. A copy is written to the instance's folder, for the operator."""
        builder = self._guest_config_builder()
        config = builder.get_guest_config(
            instance, network_info, image_meta, disk_info, connected, boot
        )
        xml = config.to_xml()
        utils.write_to_file(utils.get_instance_path(instance, "libvirt.xml"), xml)
        return xml

    @traced("LibvirtDriver._create_domain_and_network")
    def _create_domain_and_network(
        self,
        instance,
        xml: str,
        network_info: NetworkInfo,
        power_on: bool = True,
        vifs_already_plugged: bool = False,
    ) -> Guest:
        """Plug the VIFs, define the domain and start it.

        If Neutron has not wired the ports yet, the guest is paused until it has: before that no
        DHCP server would answer. ``vifs_already_plugged``: the ports are wired, and Neutron may
        send no event.
        """
        needs_events = power_on and not vifs_already_plugged
        awaited = self._get_neutron_events(network_info) if needs_events else []
        guest = None
        try:
            with self.virtapi.wait_for_instance_event(
                instance,
                awaited,
                deadline=CONF.vif_plugging_timeout,
                error_callback=self._neutron_failed_callback,
            ):
                self.plug_vifs(instance, network_info)
                self.firewall_driver.setup_basic_filtering(instance, network_info)
                self.firewall_driver.prepare_instance_filter(instance, network_info)
                guest = self._create_guest(instance, xml, power_on, pause=bool(awaited))
                self.firewall_driver.apply_instance_filter(instance, network_info)
        except TimeoutError as exc:
            if guest is None or CONF.vif_plugging_is_fatal:
                raise exception.VirtualInterfaceCreateException(
                    "Neutron did not report in time that the server's ports are wired."
                ) from exc
            LOG.warning(
                "Continuing although Neutron has not reported the ports as wired",
                instance=instance,
            )
        if awaited:
            guest.resume()
        return guest

    @staticmethod
    def _get_neutron_events(network_info: NetworkInfo) -> list[tuple[str, str]]:
        if not CONF.vif_plugging_timeout:
            return []
        return [("network-vif-plugged", vif.id) for vif in network_info if not vif.active]

    @staticmethod
    def _neutron_failed_callback(event_name: str, instance) -> bool:
        """Whether the operation fails because of the failed event."""
        LOG.error("Neutron reported a failure: event %s", event_name, instance=instance)
        return CONF.vif_plugging_is_fatal

    @traced("LibvirtDriver.plug_vifs")
    def plug_vifs(self, instance: Instance, network_info: NetworkInfo) -> None:
        for vif in network_info:
            self.vif_driver.plug(instance, vif)

    @traced("LibvirtDriver.unplug_vifs")
    def unplug_vifs(self, instance: Instance, network_info: NetworkInfo) -> None:
        for vif in network_info:
            self.vif_driver.unplug(instance, vif)

    @traced("LibvirtDriver._create_guest")
    def _create_guest(self, instance, xml: str, power_on: bool, pause: bool) -> Guest:
        """Define the domain and start it. A domain of an interrupted attempt may differ from
        ``xml``: it is stopped, and its saved memory is discarded."""
        stale = self._host.find_guest(instance)
        if stale:
            stale.poweroff()
            stale.discard_saved_memory()
        try:
            guest = self._host.write_instance_config(xml)
            if power_on:
                guest.launch(pause=pause)
        except libvirt.libvirtError:
            LOG.error(
                "libvirt rejected this domain:\n%s",
                strutils.mask_password(xml),
                instance=instance,
            )
            raise
        return guest

    @staticmethod
    @traced("LibvirtDriver._wait_for_boot")
    def _wait_for_boot(guest: Guest) -> None:
        """Wait until the domain is running. Raises InstancePowerOnFailure."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        while (state := guest.get_power_state()) != power_state.RUNNING:
            if time.monotonic() > deadline:
                raise exception.InstancePowerOnFailure(
                    reason=f"the domain is {power_state.STATE_MAP[state]}, not running"
                )
            time.sleep(BOOT_POLL)
        LOG.info("The domain is running", instance_uuid=guest.uuid)
