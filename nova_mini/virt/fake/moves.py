"""Move a guest that is off to another host or flavor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt.driver.moves import Moves
from nova_mini.virt.fake.creation import FakeCreation
from nova_mini.virt.fake.power import FakePower

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.network.model import NetworkInfo
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.virt.block_device_info import BlockDeviceInfo


class FakeMoves(FakeCreation, FakePower, Moves):
    @traced("FakeDriver.migrate_disk_and_power_off")
    def migrate_disk_and_power_off(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        timeout: int = 0,
    ) -> None:
        self.power_off(instance, timeout)

    @traced("FakeDriver.finish_migration")
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
        self._fail_if_requested(instance)
        self._define(instance, image_meta.id, network_info, block_device_info, power_on)

    @traced("FakeDriver.confirm_migration")
    def confirm_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        if not migration.is_same_host:
            self._remove(instance.uuid)

    @traced("FakeDriver.undo_migration")
    def undo_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        if migration.is_same_host:
            self.power_off(instance)
        else:
            self._remove(instance.uuid)

    @traced("FakeDriver.finish_revert_migration")
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
        image_id = ImageMeta.from_instance(instance).id
        self._define(instance, image_id, network_info, block_device_info, power_on)
