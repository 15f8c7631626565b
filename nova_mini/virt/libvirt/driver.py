"""The libvirt driver: what is done to a guest and in which order. How is in the modules beside."""

from __future__ import annotations

import os
import shutil
import time

import libvirt
from oslo_log import log as logging
from oslo_utils import strutils, units

from nova_mini import exception
from nova_mini.compute import power_state
from nova_mini.conf import CONF
from nova_mini.image import glance
from nova_mini.network.model import NetworkInfo
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt import driver
from nova_mini.virt.libvirt import (
    blockinfo,
    disk_places,
    disks,
    events,
    firewall,
    imagebackend,
    imagecache,
    injection,
    interfaces,
    power,
    resources,
    snapshot,
    utils,
    volumes,
)
from nova_mini.virt.libvirt.errors import translates_libvirt_errors
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.guest_config import GuestConfigBuilder
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.secrets import Secrets
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver
from nova_mini.virt.libvirt.volume import drivers as volume_drivers

LOG = logging.getLogger(__name__)

BOOT_TIMEOUT = 60  # seconds until a started domain must run (QEMU, not the guest's system)
BOOT_POLL = 0.1
MAX_CONSOLE_BYTES = 100 * 1024

# What no other host would do better with.
_HOPELESS = (exception.Invalid, exception.ImageNotFound, exception.ImageNotAuthorized)


@translates_libvirt_errors
class LibvirtDriver(driver.ComputeDriver):
    capabilities = {"supports_attach_interface": True}

    def __init__(self, virtapi):
        super().__init__(virtapi)
        uri = CONF.libvirt.connection_uri or "qemu:///system"
        self._host = Host(uri, events.EventHandler(self.emit_event))
        self._hostname = ""
        self.image_backend = imagebackend.load_backend(
            CONF.libvirt.images_type, Secrets(self._host)
        )
        self.image_cache_manager = imagecache.ImageCacheManager()
        self.vif_driver = LibvirtGenericVIFDriver()
        self.firewall_driver: firewall.FirewallDriver = firewall.NoopFirewallDriver()
        self._volumes = volumes.Volumes(self._host)
        self._image_api = glance.API()

    # -- the host ----------------------------------------------------------------------------

    def init_host(self, host):
        self._hostname = host
        self._host.initialize()
        if not self._host.supports_virt_type(CONF.libvirt.virt_type):
            raise exception.ConfigurationError(
                f"This host's libvirt has no {CONF.libvirt.virt_type}; set [libvirt] virt_type=qemu"
            )
        injection.check_host()
        self.image_backend.init_host()
        disk_places.check(self._host, self.image_backend)
        utils.base_dir().mkdir(parents=True, exist_ok=True)
        snapshot.forget_unfinished()

    def get_available_resource(self):
        return resources.get_available_resource(
            self._host, self._hostname, self.image_backend.get_storage()
        )

    def is_available(self):
        return self._host.is_available()

    # -- what is there -----------------------------------------------------------------------

    def list_instance_uuids(self):
        return sorted(
            utils.list_instance_dirs().union(
                self.image_backend.list_local_owners(),
                self._host.list_instance_uuids(),
                self._volumes.connected_instances(),
            )
        )

    def list_plugged_instances(self):
        return set(self.vif_driver.list_plugged())

    def unplug_leftovers(self, instance_uuid):
        for port in self.vif_driver.list_plugged().get(instance_uuid, ()):
            LOG.warning("removing port %s of instance %s", port, instance_uuid)
            self.vif_driver.remove_port(port)

    def get_info(self, instance):
        guest = self._host.find_guest(instance)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return guest.get_info()

    def get_power_states(self):
        return self._host.get_power_states()

    # -- spawn -------------------------------------------------------------------------------

    @traced
    def spawn(
        self,
        context,
        instance,
        image_meta,
        injected_files,
        admin_password,
        network_info=None,
        block_device_info=None,
        power_on=True,
        fallback_from_host=None,
    ):
        network_info = NetworkInfo() if network_info is None else network_info
        injection_info = disks.InjectionInfo(network_info, injected_files, admin_password)
        try:
            disk_info = self._get_disk_info(instance, image_meta, block_device_info)
            self._create_image(
                context, instance, image_meta.id, disk_info, injection_info, block_device_info,
                fallback_from_host,
            )  # fmt: skip
            connected = self._volumes.connect_all(instance, disk_info, block_device_info)
            xml = self._get_guest_xml(instance, network_info, disk_info, image_meta, connected)
        except _HOPELESS as exc:
            raise exception.BuildAbortException(
                instance_uuid=instance.uuid, reason=exc.format_message()
            ) from exc
        guest = self._create_domain_and_network(instance, xml, network_info, power_on)
        if power_on:
            self._wait_for_boot(guest)

    def _get_disk_info(self, instance, image_meta, block_device_info) -> blockinfo.DiskInfo:
        disk_info = blockinfo.get_disk_info(
            self._host.capabilities.arch, instance, image_meta, block_device_info
        )
        blockinfo.name_devices(instance, disk_info)
        return disk_info

    @traced
    def _create_image(
        self,
        context,
        instance,
        image_id: str | None,
        disk_info: blockinfo.DiskInfo,
        injection_info: disks.InjectionInfo,
        block_device_info: dict | None,
        fallback_from_host: str | None = None,
    ) -> None:
        """Every file of the instance, its root disk from ``image_id``; what is there already stays
        as it is."""
        LOG.info("creating its disks", instance=instance)
        utils.get_instance_path(instance).mkdir(parents=True, exist_ok=True)
        disks.fetch_kernel_and_ramdisk(context, self._image_api, instance, fallback_from_host)
        if blockinfo.LOCAL_ROOT in disk_info.mapping:
            disks.create_root(
                context, self._image_api, instance, image_id, self.image_backend, injection_info,
                fallback_from_host,
            )  # fmt: skip
        disks.create_ephemerals(instance, self.image_backend, block_device_info)
        disks.create_swap(instance, self.image_backend, block_device_info)
        if blockinfo.CONFIG_DRIVE in disk_info.mapping:
            disks.create_config_drive(instance, self.image_backend, injection_info)

    @traced
    def _get_guest_xml(self, instance, network_info, disk_info, image_meta, connected) -> str:
        """The domain's definition; a copy stays in the instance's folder to be looked at."""
        builder = GuestConfigBuilder(self._host.capabilities, self.image_backend, self.vif_driver)
        config = builder.get_guest_config(instance, network_info, image_meta, disk_info, connected)
        xml = config.to_xml()
        utils.write_to_file(utils.get_instance_path(instance) / "libvirt.xml", xml)
        return xml

    @traced
    def _create_domain_and_network(
        self,
        instance,
        xml: str,
        network_info: NetworkInfo,
        power_on: bool = True,
        vifs_already_plugged: bool = False,
    ) -> Guest:
        """Plug, define, start; with ports that Neutron has yet to wire, the guest stays paused
        until they are, so that it does not ask for an address that nobody can give yet.

        ``vifs_already_plugged``: Neutron knows the ports as wired and may say nothing of it again.
        """
        waits = power_on and not vifs_already_plugged
        awaited = self._get_neutron_events(network_info) if waits else []
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
            LOG.warning("going on without its ports being wired", instance=instance)
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
        """Whether to give up."""
        LOG.error("Neutron reports the failure of %s", event_name, instance=instance)
        return CONF.vif_plugging_is_fatal

    @traced
    def plug_vifs(self, instance, network_info: NetworkInfo) -> None:
        for vif in network_info:
            self.vif_driver.plug(instance, vif)

    @traced
    def unplug_vifs(self, instance, network_info: NetworkInfo) -> None:
        for vif in network_info:
            self.vif_driver.unplug(instance, vif)

    @traced
    def _create_guest(self, instance, xml: str, power_on: bool, pause: bool) -> Guest:
        """Define the domain and start it. One that still runs is of an attempt that was cut off
        and may differ from what we were told now: it is replaced, as is memory saved with it."""
        leftover = self._host.find_guest(instance)
        if leftover:
            leftover.poweroff()
            leftover.discard_saved_memory()
        try:
            guest = self._host.write_instance_config(xml)
            if power_on:
                guest.launch(pause=pause)
        except libvirt.libvirtError:
            LOG.error(
                "libvirt refused this domain:\n%s",
                strutils.mask_password(xml),
                instance=instance,
            )
            raise
        return guest

    @staticmethod
    @traced
    def _wait_for_boot(guest: Guest) -> None:
        """Until the domain runs. Raises InstancePowerOnFailure."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        while (state := guest.get_power_state()) != power_state.RUNNING:
            if time.monotonic() > deadline:
                raise exception.InstancePowerOnFailure(
                    reason=f"the domain is {power_state.STATE_MAP[state]}, not running"
                )
            time.sleep(BOOT_POLL)
        LOG.info("the domain runs", instance_uuid=guest.uuid)

    # -- destroy -----------------------------------------------------------------------------

    @traced
    def destroy(
        self, context, instance, network_info=None, block_device_info=None, destroy_disks=True
    ):
        network_info = NetworkInfo() if network_info is None else network_info
        guest = self._host.find_guest(instance)
        if guest:
            guest.poweroff()
            guest.delete_configuration()
        self.unplug_vifs(instance, network_info)
        self.firewall_driver.unfilter_instance(instance, network_info)
        self._volumes.disconnect_all(instance, block_device_info)
        if destroy_disks:
            self._remove_disks(instance)

    @traced
    def _remove_disks(self, instance) -> None:
        """Those in shared storage only if they are this host's: when it returns after its server
        was moved away, they are the other host's."""
        is_ours = instance.deleted or instance.host == self._hostname
        if is_ours or not self.image_backend.is_shared:
            self.image_backend.remove_disks(instance.uuid)
        _delete_instance_files(instance)

    # -- power -------------------------------------------------------------------------------

    def reboot(self, context, instance, network_info, reboot_type, block_device_info=None):
        if reboot_type == "SOFT" and self._soft_reboot(instance):
            return
        self._hard_reboot(context, instance, network_info, block_device_info)

    @traced
    def _soft_reboot(self, instance) -> bool:
        """True when the guest shut down by itself and runs again."""
        guest = self._host.find_guest(instance)
        if guest is None or guest.get_power_state() != power_state.RUNNING:
            return False
        if not power.clean_shutdown(guest, CONF.libvirt.wait_soft_reboot_seconds, 0):
            return False
        guest.launch()
        self._wait_for_boot(guest)
        return True

    @traced
    def _hard_reboot(self, context, instance, network_info, block_device_info) -> None:
        """A fresh domain around the same disks; what the host lost of it is made again."""
        guest = self._host.find_guest(instance)
        if guest:
            guest.poweroff()
        image_meta = ImageMeta.from_instance(instance)
        disk_info = self._get_disk_info(instance, image_meta, block_device_info)
        injection_info = disks.InjectionInfo(network_info, [], None)
        self._create_image(
            context, instance, image_meta.id, disk_info, injection_info, block_device_info
        )
        connected = self._volumes.connect_all(instance, disk_info, block_device_info)
        xml = self._get_guest_xml(instance, network_info, disk_info, image_meta, connected)
        guest = self._create_domain_and_network(
            instance, xml, network_info, vifs_already_plugged=True
        )
        self._wait_for_boot(guest)

    def power_off(self, instance, timeout=0, retry_interval=0):
        guest = self._host.find_guest(instance)
        if guest is None or not guest.is_active():
            return
        if not (timeout and power.clean_shutdown(guest, timeout, retry_interval)):
            guest.poweroff()

    def power_on(self, context, instance, network_info, block_device_info=None):
        guest = self._host.find_guest(instance)
        if guest and guest.get_power_state() == power_state.RUNNING:
            return
        self._hard_reboot(context, instance, network_info, block_device_info)

    def pause(self, instance):
        guest = self._host.get_guest(instance)
        if guest.get_power_state() != power_state.PAUSED:
            guest.pause()

    def unpause(self, instance):
        guest = self._host.get_guest(instance)
        if guest.get_power_state() != power_state.RUNNING:
            guest.resume()

    def suspend(self, context, instance):
        guest = self._host.get_guest(instance)
        if guest.is_active():
            guest.save_memory_state()

    def resume(self, context, instance, network_info, block_device_info=None):
        guest = self._host.find_guest(instance)
        if guest and guest.is_active():
            return
        if guest is None or not guest.has_saved_memory():
            self._hard_reboot(context, instance, network_info, block_device_info)
            return
        self.plug_vifs(instance, network_info)
        guest.launch()
        self._wait_for_boot(guest)

    # -- parts of a server -------------------------------------------------------------------

    @traced
    def snapshot(self, context, instance, image_id, update_task_state):
        guest = self._host.get_guest(instance)
        disk = self.image_backend.by_name(instance, blockinfo.LOCAL_ROOT)
        snapshot.take(context, self._image_api, instance, guest, disk, image_id, update_task_state)

    def attach_interface(self, context, instance, image_meta, vif):
        guest = self._host.get_guest(instance)
        self.vif_driver.plug(instance, vif)
        self.firewall_driver.setup_basic_filtering(instance, NetworkInfo([vif]))
        config = self.vif_driver.get_config(vif, image_meta, instance.flavor)
        try:
            interfaces.attach(instance, guest, config)
        except exception.InterfaceAttachFailed:
            self.vif_driver.unplug(instance, vif)
            raise

    def detach_interface(self, context, instance, vif):
        guest = self._host.find_guest(instance)
        if guest:
            interfaces.detach(self._host, instance, guest, vif.address)
        self.vif_driver.unplug(instance, vif)

    def get_console_output(self, context, instance):
        return utils.read_console_log(instance, MAX_CONSOLE_BYTES)

    # -- volumes -----------------------------------------------------------------------------

    def get_volume_connector(self, instance):
        return volume_drivers.get_volume_connector(self._hostname)

    def get_device_name_for_instance(self, instance, bdms, bdm):
        return blockinfo.get_device_name(self._host.capabilities.arch, instance, bdms, bdm)

    @traced
    def attach_volume(
        self, context, connection_info, instance, mountpoint, disk_bus=None, device_type=None
    ):
        guest = self._host.get_guest(instance)
        device = volumes.device_of(mountpoint, disk_bus, device_type)
        self._volumes.attach(instance, guest, connection_info, device)

    @traced
    def detach_volume(self, context, connection_info, instance, mountpoint):
        guest = self._host.find_guest(instance)
        self._volumes.detach(instance, guest, connection_info, mountpoint)

    @traced
    def swap_volume(
        self, context, old_connection_info, new_connection_info, instance, mountpoint, *,
        is_larger, commit,
    ):  # fmt: skip
        self._volumes.swap(
            instance,
            self._host.get_guest(instance),
            old_connection_info,
            new_connection_info,
            mountpoint,
            is_larger=is_larger,
            commit=commit,
        )

    @traced
    def give_up_swap(self, context, new_connection_info, instance, mountpoint):
        guest = self._host.find_guest(instance)
        self._volumes.give_up_swap(instance, guest, new_connection_info, mountpoint)

    @traced
    def extend_volume(self, context, connection_info, instance, mountpoint, size):
        guest = self._host.find_guest(instance)
        self._volumes.extend(guest, connection_info, mountpoint, size * units.Gi)

    # -- housekeeping ------------------------------------------------------------------------

    def cache_image(self, context, image_id):
        return disks.cache_image(context, self._image_api, self.image_backend, image_id)

    @traced
    def discard_copy(self, context, image_id, base_image_id):
        self.image_backend.discard_copy(context, self._image_api, image_id, base_image_id)

    def list_shared_disk_owners(self):
        return self.image_backend.list_shared_owners()

    def destroy_shared_disks(self, instance_uuid):
        self.image_backend.remove_disks(instance_uuid)

    def clean_shared_disks(self, instance_uuids):
        for uuid, names in self.image_backend.list_interrupted().items():
            if uuid in instance_uuids:
                for name in names:
                    LOG.info("removing %s, which nobody goes on with", name)
                    self.image_backend.remove_interrupted(name)

    def manage_image_cache(self, context, used_images):
        self.image_cache_manager.update(used_images)


def _delete_instance_files(instance) -> None:
    """By way of another name: what is left of a removal that was cut off is no instance."""
    path = utils.get_instance_path(instance)
    doomed = path.with_name(path.name + utils.DELETED_SUFFIX)
    if doomed.exists():
        shutil.rmtree(doomed)
    if path.exists():
        os.rename(path, doomed)
        shutil.rmtree(doomed)
