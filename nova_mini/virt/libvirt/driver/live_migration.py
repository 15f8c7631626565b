"""Move a guest to another host while it runs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.trace import traced
from nova_mini.virt import private_files
from nova_mini.virt.driver.live_migration import LiveMigration
from nova_mini.virt.libvirt import blockinfo, boot_files, disks, utils
from nova_mini.virt.libvirt.driver.domains import Domains
from nova_mini.virt.libvirt.migration import checks, copy_targets, disk_checks, live
from nova_mini.virt.live_migration import GuestPlace

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.numa.guest import GuestTopology
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.live_migration import DestinationFacts, SourceFacts, Watch


class LibvirtLiveMigration(Domains, LiveMigration):
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
        numa: GuestTopology | None = None,
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
        connected = self._volumes.connect_all(context, instance, disk_info, block_device_info)
        self.plug_vifs(instance, network_info)
        builder = self._guest_config_builder()
        config = builder.get_guest_config(
            instance, network_info, image_meta, disk_info, connected, numa=numa
        )
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
        utils.delete_instance_files(instance)

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
