"""Move a guest that is off to another host or flavor."""

from __future__ import annotations

from collections.abc import Callable

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt.driver.moves import Move, Moves
from nova_mini.virt.fake.creation import FakeCreation
from nova_mini.virt.fake.power import FakePower


class FakeMoves(FakeCreation, FakePower, Moves):
    @traced("FakeDriver.migrate_disk_and_power_off")
    def migrate_disk_and_power_off(self, move: Move, timeout: int = 0) -> None:
        self.power_off(move.instance, timeout)

    @traced("FakeDriver.finish_migration")
    def finish_migration(
        self,
        move: Move,
        *,
        power_on: bool,
        source_address: str | None = None,
        report: Callable[[int, int], None] | None = None,
        host_address: str | None = None,
    ) -> None:
        self._delay(move.instance, "resize")
        self._fail_if_requested(move.instance)
        self._define_moved(move, power_on)

    def _define_moved(self, move: Move, power_on: bool) -> None:
        image_id = ImageMeta.from_instance(move.instance).id
        self._define(move.instance, image_id, move.network_info, move.block_device_info, power_on)

    @traced("FakeDriver.confirm_migration")
    def confirm_migration(self, move: Move) -> None:
        if not move.migration.is_same_host:
            self._remove(move.instance.uuid)

    @traced("FakeDriver.undo_migration")
    def undo_migration(self, move: Move) -> None:
        if move.migration.is_same_host:
            self.power_off(move.instance)
        else:
            self._remove(move.instance.uuid)

    @traced("FakeDriver.finish_revert_migration")
    def finish_revert_migration(self, move: Move, *, power_on: bool) -> None:
        self._define_moved(move, power_on)
