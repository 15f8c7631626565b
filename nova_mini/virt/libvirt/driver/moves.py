"""Move a guest that is off to another host or flavor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.trace import traced
from nova_mini.virt.driver.moves import Moves
from nova_mini.virt.libvirt import moved_disks, utils
from nova_mini.virt.libvirt.driver.creation import LibvirtCreation
from nova_mini.virt.libvirt.driver.power import LibvirtPower

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.virt.block_device_info import BlockDeviceInfo

_SHUTDOWN_RETRY = 10  # seconds between two requests to the guest to shut down


class LibvirtMoves(LibvirtCreation, LibvirtPower, Moves):
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
            utils.delete_instance_files(instance)

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
            utils.delete_instance_files(instance)

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
