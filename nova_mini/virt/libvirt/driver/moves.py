"""Move a guest that is off to another host or flavor."""

from __future__ import annotations

from collections.abc import Callable

from nova_mini.external import vtpm_key
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt.driver.moves import Move, Moves
from nova_mini.virt.libvirt import moved_disks, utils, vtpm_state
from nova_mini.virt.libvirt.driver.creation import LibvirtCreation
from nova_mini.virt.libvirt.driver.power import LibvirtPower

_SHUTDOWN_RETRY = 10  # seconds between two requests to the guest to shut down


class LibvirtMoves(LibvirtCreation, LibvirtPower, Moves):
    def _moved_disks(self, move: Move) -> moved_disks.MovedDisks:
        return moved_disks.MovedDisks(
            self.image_backend, move.instance, move.migration, move.block_device_info
        )

    @traced("LibvirtDriver.check_destination")
    def check_destination(self, move: Move, source_pool: str | None) -> None:
        self._moved_disks(move).check_destination(source_pool)

    @traced("LibvirtDriver.migrate_disk_and_power_off")
    def migrate_disk_and_power_off(self, move: Move, timeout: int = 0) -> None:
        local_disks = self._moved_disks(move)
        local_disks.check()
        self.power_off(move.instance, timeout, _SHUTDOWN_RETRY)
        local_disks.keep_for_revert()
        if move.migration.is_same_host:
            vtpm_state.keep_for_revert(move.instance)
        self._destroy_domain(move)
        local_disks.offer()

    @traced("LibvirtDriver.finish_migration")
    def finish_migration(
        self,
        move: Move,
        *,
        power_on: bool,
        source_address: str | None = None,
        report: Callable[[int, int], None] | None = None,
        host_address: str | None = None,
    ) -> None:
        local_disks = self._moved_disks(move)
        local_disks.fetch(source_address, report)
        if host_address and _keeps_its_tpm(move):
            vtpm_state.fetch(move.instance, move.migration, host_address)
        local_disks.grow()
        self._spawn_moved(move, power_on)

    @traced("LibvirtDriver.confirm_migration")
    def confirm_migration(self, move: Move) -> None:
        self.discard_revert_copy(move)
        self._remove_what_is_not_used(move)

    def discard_revert_copy(self, move: Move) -> None:
        self._moved_disks(move).discard_revert_copy()
        vtpm_state.discard_revert_copy(move.instance)

    @traced("LibvirtDriver.undo_migration")
    def undo_migration(self, move: Move) -> None:
        self._destroy_domain(move)
        if not move.migration.is_same_host:
            vtpm_state.remove(move.instance.uuid)
            utils.delete_instance_files(move.instance)

    @staticmethod
    def _remove_what_is_not_used(move: Move) -> None:
        """At the source, when the server is at its destination: its files, unless that is here; and
        the state of a TPM that it has not any more."""
        is_here = move.migration.is_same_host
        if not is_here or vtpm_key.tpm_of(move.instance) is None:
            vtpm_state.remove(move.instance.uuid)
        if not is_here:
            utils.delete_instance_files(move.instance)

    @traced("LibvirtDriver.finish_revert_migration")
    def finish_revert_migration(self, move: Move, *, power_on: bool) -> None:
        local_disks = self._moved_disks(move)
        guest = self._host.find_guest(move.instance)
        if guest is None or not guest.is_active():
            local_disks.revert()
            vtpm_state.revert(move.instance)
            if vtpm_key.tpm_of(move.instance) is None:
                vtpm_state.remove(move.instance.uuid)
            self._spawn_moved(move, power_on)
        self.discard_revert_copy(move)

    def _spawn_moved(self, move: Move, power_on: bool) -> None:
        self.spawn(
            move.context,
            move.instance,
            ImageMeta.from_instance(move.instance),
            [],
            None,
            move.network_info,
            move.block_device_info,
            power_on=power_on,
        )

    def _destroy_domain(self, move: Move) -> None:
        """Remove the guest from this host, but not its disks."""
        self.destroy(
            move.context,
            move.instance,
            move.network_info,
            move.block_device_info,
            destroy_disks=False,
        )


def _keeps_its_tpm(move: Move) -> bool:
    """Whether the server had a TPM before the move, and has the same one after it."""
    instance = move.instance
    before = vtpm_key.tpm_of(instance, move.migration.old_flavor)
    now = vtpm_key.tpm_of(instance, move.migration.new_flavor)
    return before is not None and now is not None and before.version == now.version
