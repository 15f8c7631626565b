"""The libvirt driver: the order of the steps of each operation. The other modules of this package
implement the steps."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import libvirt
from oslo_log import log as logging
from oslo_utils import strutils, units

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.image import glance
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt import private_files
from nova_mini.virt.driver import ComputeDriver
from nova_mini.virt.driver.host_information import HostResources
from nova_mini.virt.driver.power_states import InstanceInfo
from nova_mini.virt.libvirt import (
    blockinfo,
    boot_files,
    consoles,
    diagnostics,
    disk_places,
    disks,
    events,
    firewall,
    guest_agent,
    imagecache,
    injection,
    interfaces,
    moved_disks,
    power,
    rescue,
    resources,
    snapshot,
    utils,
    volumes,
)
from nova_mini.virt.libvirt.errors import translates_libvirt_errors
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.guest_config import GuestConfigBuilder
from nova_mini.virt.libvirt.host import Host
from nova_mini.virt.libvirt.imagebackend import factory
from nova_mini.virt.libvirt.migration import checks, copy_targets, disk_checks, live
from nova_mini.virt.libvirt.secrets import Secrets
from nova_mini.virt.libvirt.serial_ports import SerialPorts
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver
from nova_mini.virt.libvirt.volume import drivers as volume_drivers
from nova_mini.virt.live_migration import GuestPlace

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.network.model import VIF
    from nova_mini.objects.block_device_mapping import BlockDeviceMapping
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.consoles import ConsoleAddress, ConsoleKind
    from nova_mini.virt.diagnostics import Diagnostics
    from nova_mini.virt.live_migration import DestinationFacts, SourceFacts, Watch
    from nova_mini.virt.virtapi import VirtAPI
    from nova_mini.volume.connection_info import ConnectionInfo

LOG = logging.getLogger(__name__)

BOOT_TIMEOUT = 60  # seconds until a started domain must be running (QEMU, not the guest's system)
BOOT_POLL = 0.1
MAX_CONSOLE_BYTES = 100 * 1024
_SHUTDOWN_RETRY = 10  # seconds between two requests to the guest to shut down

# Errors that every other host would have, too.
_NON_RETRYABLE = (exception.Invalid, exception.ImageNotFound, exception.ImageNotAuthorized)


@translates_libvirt_errors
class LibvirtDriver(ComputeDriver):
    capabilities = {"supports_attach_interface": True}

    def __init__(self, virtapi: VirtAPI):
        super().__init__(virtapi)
        uri = CONF.libvirt.connection_uri or "qemu:///system"
        self._host = Host(uri, events.EventHandler(self.emit_event))
        self._hostname = ""
        self.image_backend = factory.load_backend(CONF.libvirt.images_type, Secrets(self._host))
        self.image_cache_manager = imagecache.ImageCacheManager()
        self.vif_driver = LibvirtGenericVIFDriver()
        self.firewall_driver: firewall.FirewallDriver = firewall.NoopFirewallDriver()
        self._volumes = volumes.Volumes(self._host)
        self._serial_ports = SerialPorts(self._host)
        self._image_api = glance.API()

    # -- the host ----------------------------------------------------------------------------

    def init_host(self, host: str) -> None:
        self._hostname = host
        self._host.initialize()
        if not self._host.supports_virt_type(CONF.libvirt.virt_type):
            raise exception.ConfigurationError(
                f"libvirt on this host does not support virt_type {CONF.libvirt.virt_type}; set "
                "[libvirt] virt_type=qemu"
            )
        injection.check_host()
        self.image_backend.init_host()
        disk_places.check(self._host, self.image_backend)
        utils.restrict_access()
        snapshot.remove_unfinished()

    def get_available_resource(self) -> HostResources:
        return resources.get_available_resource(
            self._host, self._hostname, self.image_backend.get_storage()
        )

    def is_available(self) -> bool:
        return self._host.is_available()

    # -- state of the instances --------------------------------------------------------------

    def list_instance_uuids(self) -> list[str]:
        return sorted(
            utils.list_instance_dirs().union(
                self.image_backend.list_local_owners(),
                self._host.list_instance_uuids(),
                self._volumes.connected_instances(),
            )
        )

    def list_plugged_instances(self) -> set[str]:
        return set(self.vif_driver.list_plugged())

    def unplug_orphan(self, instance_uuid: str) -> None:
        for port in self.vif_driver.list_plugged().get(instance_uuid, ()):
            LOG.warning("Instance %s: removing orphaned port %s", instance_uuid, port)
            self.vif_driver.remove_port(port)

    def get_info(self, instance: Instance) -> InstanceInfo:
        guest = self._host.find_guest(instance)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return guest.get_info()

    def get_power_states(self) -> dict[str, int]:
        return self._host.get_power_states()

    # -- spawn -------------------------------------------------------------------------------

    @traced("LibvirtDriver.spawn")
    def spawn(
        self,
        context: RequestContext,
        instance: Instance,
        image_meta: ImageMeta,
        injected_files: list[tuple[str, bytes]],
        admin_password: str | None,
        network_info: NetworkInfo | None = None,
        block_device_info: BlockDeviceInfo | None = None,
        power_on: bool = True,
        fallback_from_host: str | None = None,
    ) -> None:
        network_info = NetworkInfo() if network_info is None else network_info
        injection_info = disks.InjectionInfo(network_info, injected_files, admin_password)
        block_device_info = block_device_info or blockinfo.disks_of_flavor(instance)
        try:
            disk_info = self._get_disk_info(instance, image_meta, block_device_info)
            self._create_image(
                context,
                instance,
                image_meta.id,
                disk_info,
                injection_info,
                block_device_info,
                fallback_from_host,
            )
            connected = self._volumes.connect_all(instance, disk_info, block_device_info)
            xml = self._get_guest_xml(instance, network_info, disk_info, image_meta, connected)
        except _NON_RETRYABLE as exc:
            raise exception.BuildAbortException(
                instance_uuid=instance.uuid, reason=exc.format_message()
            ) from exc
        guest = self._create_domain_and_network(instance, xml, network_info, power_on)
        if power_on:
            self._wait_for_boot(guest)

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

    # -- destroy -----------------------------------------------------------------------------

    @traced("LibvirtDriver.destroy")
    def destroy(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo | None = None,
        block_device_info: BlockDeviceInfo | None = None,
        destroy_disks: bool = True,
    ) -> None:
        network_info = NetworkInfo() if network_info is None else network_info
        guest = self._host.find_guest(instance)
        if guest:
            guest.poweroff()
            guest.delete_configuration()
        self._serial_ports.release(instance.uuid)
        self.unplug_vifs(instance, network_info)
        self.firewall_driver.unfilter_instance(instance, network_info)
        self._volumes.disconnect_all(instance, block_device_info)
        if destroy_disks:
            self._remove_disks(instance)

    @traced("LibvirtDriver._remove_disks")
    def _remove_disks(self, instance) -> None:
        """Disks in shared storage are removed only if the server is deleted or on this host: if it
        was moved to another host, they belong to that host."""
        is_owner = instance.deleted or instance.host == self._hostname
        if is_owner or not self.image_backend.is_shared:
            self.image_backend.remove_disks(instance.uuid)
        _delete_instance_files(instance)

    # -- power -------------------------------------------------------------------------------

    def reboot(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        reboot_type: str,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        if reboot_type == "SOFT" and self._soft_reboot(instance):
            return
        self._hard_reboot(context, instance, network_info, block_device_info)

    @traced("LibvirtDriver._soft_reboot")
    def _soft_reboot(self, instance) -> bool:
        """Shut the guest down and start it again. Returns False if it does not shut down."""
        guest = self._host.find_guest(instance)
        if guest is None or guest.get_power_state() != power_state.RUNNING:
            return False
        if not power.clean_shutdown(guest, CONF.libvirt.wait_soft_reboot_seconds, 0):
            return False
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
        connected = self._volumes.connect_all(instance, disk_info, block_device_info)
        xml = self._get_guest_xml(instance, network_info, disk_info, image_meta, connected)
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
        guest.launch()
        self._wait_for_boot(guest)

    # -- move to another host or flavor --------------------------------------------------------

    def _moved_disks(self, instance, migration, block_device_info) -> moved_disks.MovedDisks:
        return moved_disks.MovedDisks(self.image_backend, instance, migration, block_device_info)

    @traced("LibvirtDriver.check_destination")
    def check_destination(
        self,
        instance: Instance,
        migration: Migration,
        source_pool: str | None,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        self._moved_disks(instance, migration, block_device_info).check_destination(source_pool)

    @traced("LibvirtDriver.migrate_disk_and_power_off")
    def migrate_disk_and_power_off(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        timeout: int = 0,
    ) -> None:
        local_disks = self._moved_disks(instance, migration, block_device_info)
        local_disks.check()
        self.power_off(instance, timeout, _SHUTDOWN_RETRY)
        local_disks.keep_for_revert()
        self.destroy(context, instance, network_info, block_device_info, destroy_disks=False)
        local_disks.offer()

    @traced("LibvirtDriver.finish_migration")
    def finish_migration(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        image_meta: ImageMeta,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        *,
        power_on: bool,
        source_address: str | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        local_disks = self._moved_disks(instance, migration, block_device_info)
        local_disks.fetch(source_address, report)
        local_disks.grow()
        self.spawn(
            context,
            instance,
            image_meta,
            [],
            None,
            network_info,
            block_device_info,
            power_on=power_on,
        )

    @traced("LibvirtDriver.confirm_migration")
    def confirm_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        self.discard_revert_copy(instance, migration, block_device_info)
        if not migration.is_same_host:
            _delete_instance_files(instance)

    def discard_revert_copy(
        self,
        instance: Instance,
        migration: Migration,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        self._moved_disks(instance, migration, block_device_info).discard_revert_copy()

    @traced("LibvirtDriver.undo_migration")
    def undo_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        self.destroy(context, instance, network_info, block_device_info, destroy_disks=False)
        if not migration.is_same_host:
            _delete_instance_files(instance)

    @traced("LibvirtDriver.finish_revert_migration")
    def finish_revert_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        *,
        power_on: bool,
    ) -> None:
        local_disks = self._moved_disks(instance, migration, block_device_info)
        guest = self._host.find_guest(instance)
        if guest is None or not guest.is_active():
            local_disks.revert()
            image_meta = ImageMeta.from_instance(instance)
            self.spawn(
                context,
                instance,
                image_meta,
                [],
                None,
                network_info,
                block_device_info,
                power_on=power_on,
            )
        local_disks.discard_revert_copy()

    # -- live migration ------------------------------------------------------------------------

    @traced("LibvirtDriver.check_can_live_migrate_source")
    def check_can_live_migrate_source(
        self, context: RequestContext, instance: Instance, block_device_info: BlockDeviceInfo
    ) -> SourceFacts:
        guest = self._host.get_guest(instance)
        facts = checks.Facts.of(self._host, guest, self.image_backend, instance, block_device_info)
        return dataclasses.asdict(facts)

    @traced("LibvirtDriver.check_can_live_migrate_destination")
    def check_can_live_migrate_destination(
        self,
        context: RequestContext,
        instance: Instance,
        source: SourceFacts,
        *,
        block_migration: bool | None,
        disk_over_commit: bool | None,
    ) -> None:
        facts = checks.Facts.from_dict(source)
        checks.check(self._host, facts)
        disk_checks.check(
            self.image_backend, instance, facts.disks, block_migration, disk_over_commit
        )

    @traced("LibvirtDriver.pre_live_migration")
    def pre_live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        source: SourceFacts,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> DestinationFacts:
        """The local disks are in shared storage, or are copied into files that are made here."""
        image_meta = ImageMeta.from_instance(instance)
        disk_info = self._get_disk_info(instance, image_meta, block_device_info)
        private_files.make_folder(utils.get_instance_path(instance))
        local = checks.Facts.from_dict(source).disks
        copies = copy_targets.make(
            context, self._image_api, self.image_backend, instance, local, disk_info
        )
        boot_files.fetch(context, self._image_api, instance, local.address)
        if blockinfo.CONFIG_DRIVE in disk_info.mapping:
            drive = self.image_backend.config_drive(instance)
            if not copy_targets.fetch_config_drive(instance, drive, local):
                injection_info = disks.InjectionInfo(network_info, [], None)
                disks.create_config_drive(
                    instance, self.image_backend, injection_info, block_device_info
                )
        connected = self._volumes.connect_all(instance, disk_info, block_device_info)
        self.plug_vifs(instance, network_info)
        builder = self._guest_config_builder()
        config = builder.get_guest_config(instance, network_info, image_meta, disk_info, connected)
        return live.describe_destination(instance, config, copies).to_dict()

    @traced("LibvirtDriver.live_migration")
    def live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        destination: DestinationFacts,
        watch: Watch,
    ) -> None:
        guest = self._host.get_guest(instance)
        live.move(self._host, instance, guest, live.Destination.from_dict(destination), watch)

    def find_live_guest(self, instance: Instance) -> GuestPlace:
        return live.find_place(self._host, instance)

    @traced("LibvirtDriver.post_live_migration")
    def post_live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        self._remove_from_host(instance, network_info, block_device_info)

    def _remove_from_host(self, instance, network_info, block_device_info) -> None:
        """Remove the connections and files of a guest that has no domain here, with disks that are
        files: another host has copies of them, or the originals. Disks in shared storage stay,
        because another host uses them."""
        self._serial_ports.release(instance.uuid)
        self.unplug_vifs(instance, network_info)
        self.firewall_driver.unfilter_instance(instance, network_info)
        self._volumes.disconnect_all(instance, block_device_info)
        _delete_instance_files(instance)

    @traced("LibvirtDriver.post_live_migration_at_destination")
    def post_live_migration_at_destination(
        self, context: RequestContext, instance: Instance, network_info: NetworkInfo
    ) -> None:
        guest = self._host.get_guest(instance)
        path = utils.get_instance_path(instance, "libvirt.xml")
        utils.write_to_file(path, guest.get_definition(persistent=True))

    @traced("LibvirtDriver.rollback_live_migration")
    def rollback_live_migration(self, instance: Instance) -> GuestPlace:
        return live.roll_back(self._host, instance)

    @traced("LibvirtDriver.rollback_live_migration_at_destination")
    def rollback_live_migration_at_destination(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        guest = self._host.find_guest(instance)
        if guest:
            guest.poweroff()
            guest.delete_configuration()
        self._remove_from_host(instance, network_info, block_device_info)

    def has_shared_disks(self, instance: Instance) -> bool:
        if not self.image_backend.is_shared or instance.is_volume_backed:
            return self.image_backend.is_shared
        return self.image_backend.by_name(instance, blockinfo.LOCAL_ROOT).exists()

    # -- rescue ------------------------------------------------------------------------------

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
        connected = self._volumes.connect_all(instance, info, block_device_info)
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

    # -- parts of a server -------------------------------------------------------------------

    @traced("LibvirtDriver.snapshot")
    def snapshot(
        self,
        context: RequestContext,
        instance: Instance,
        image_id: str,
        update_task_state: Callable[..., None],
    ) -> None:
        guest = self._host.get_guest(instance)
        disk = self.image_backend.by_name(instance, blockinfo.LOCAL_ROOT)
        snapshot.take(context, self._image_api, instance, guest, disk, image_id, update_task_state)

    def attach_interface(
        self, context: RequestContext, instance: Instance, image_meta: ImageMeta, vif: VIF
    ) -> None:
        guest = self._host.get_guest(instance)
        self.vif_driver.plug(instance, vif)
        self.firewall_driver.setup_basic_filtering(instance, NetworkInfo([vif]))
        config = self.vif_driver.get_config(vif, image_meta, instance.flavor)
        try:
            interfaces.attach(instance, guest, config)
        except exception.InterfaceAttachFailed:
            self.vif_driver.unplug(instance, vif)
            raise
        interfaces.update_metadata(instance, guest, image_meta, vif, plugged=True)

    def detach_interface(self, context: RequestContext, instance: Instance, vif: VIF) -> None:
        guest = self._host.find_guest(instance)
        if guest:
            interfaces.detach(self._host, instance, guest, vif.address)
            image_meta = ImageMeta.from_instance(instance)
            interfaces.update_metadata(instance, guest, image_meta, vif, plugged=False)
        self.vif_driver.unplug(instance, vif)

    def get_console_output(self, context: RequestContext, instance: Instance) -> bytes:
        return utils.read_console_log(instance, MAX_CONSOLE_BYTES)

    def get_console(self, instance_uuid: str, kind: ConsoleKind) -> ConsoleAddress:
        guest = self._host.find_guest_by_uuid(instance_uuid)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance_uuid)
        return consoles.get_address(guest, kind)

    def get_diagnostics(self, instance: Instance) -> dict[str, int]:
        return diagnostics.as_items(self._host.get_guest(instance).get_statistics())

    def get_instance_diagnostics(self, instance: Instance) -> Diagnostics:
        guest = self._host.get_guest(instance)
        addresses = diagnostics.mac_addresses_of(guest)
        return diagnostics.as_diagnostics(guest.get_statistics(), instance, addresses)

    @traced("LibvirtDriver.set_admin_password")
    def set_admin_password(self, instance: Instance, image_meta: ImageMeta, password: str) -> None:
        guest_agent.set_admin_password(
            self._host.get_guest(instance), instance, image_meta, password
        )

    @traced("LibvirtDriver.trigger_crash_dump")
    def trigger_crash_dump(self, instance: Instance) -> None:
        self._host.get_guest(instance).inject_nmi()

    # -- volumes -----------------------------------------------------------------------------

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
        self._volumes.attach(instance, guest, connection_info, device)

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

    # -- housekeeping ------------------------------------------------------------------------

    def cache_image(self, context: RequestContext, image_id: str, max_size: int = 0) -> bool:
        return disks.cache_image(context, self._image_api, self.image_backend, image_id, max_size)

    @traced("LibvirtDriver.discard_copy")
    def discard_copy(self, context: RequestContext, image_id: str, base_image_id: str) -> None:
        self.image_backend.discard_copy(context, self._image_api, image_id, base_image_id)

    def list_shared_disk_owners(self) -> set[str]:
        return self.image_backend.list_shared_owners()

    def destroy_shared_disks(self, instance_uuid: str) -> None:
        self.image_backend.remove_disks(instance_uuid)

    def clean_shared_disks(self, instance_uuids: set[str]) -> None:
        for uuid, names in self.image_backend.list_interrupted().items():
            if uuid in instance_uuids:
                for name in names:
                    LOG.info("Instance %s: removing unfinished disk %s", uuid, name)
                    self.image_backend.remove_interrupted(name)

    def manage_image_cache(self, context: RequestContext, used_images: set[str]) -> None:
        self.image_cache_manager.update(used_images)


def _delete_instance_files(instance) -> None:
    """Remove the folder of the instance, also that of a move. It is renamed before its removal, so
    that an interrupted removal leaves no instance."""
    for path in (utils.get_instance_path(instance), utils.get_moved_path(instance)):
        deleted = path.with_name(path.name + utils.DELETED_SUFFIX)
        if deleted.exists():
            shutil.rmtree(deleted)
        if path.exists():
            os.rename(path, deleted)
            shutil.rmtree(deleted)
