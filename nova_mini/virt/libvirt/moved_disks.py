"""The local disks of a server that moves to another host or flavor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from oslo_utils import units

from nova_mini import exception
from nova_mini.trace import traced
from nova_mini.virt.libvirt import blockinfo, fetched_files, moved_files
from nova_mini.virt.libvirt.moved_swap import MovedSwap

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.libvirt.imagebackend.base import Image
    from nova_mini.virt.libvirt.imagebackend.file import Backend


class MovedDisks:
    """The root disk and the ephemeral disks of an instance, without volumes; and its swap disk."""

    def __init__(
        self,
        backend: Backend,
        instance: Instance,
        migration: Migration,
        block_device_info: BlockDeviceInfo | None,
    ):
        self._backend = backend
        self._instance = instance
        self._migration = migration
        self._ephemerals = len(block_device_info.ephemerals) if block_device_info else 0
        self._swap = MovedSwap(backend, instance, migration)

    def _all(self) -> Iterator[Image]:
        if not self._instance.is_volume_backed:
            yield self._backend.by_name(self._instance, blockinfo.LOCAL_ROOT)
        for index in range(self._ephemerals):
            yield self._backend.by_name(self._instance, blockinfo.ephemeral_name(index))

    @property
    def _leaves_its_files(self) -> bool:
        """Whether source and destination have different files and disks."""
        return not (self._backend.is_shared or self._migration.is_same_host)

    # -- before anything is changed ----------------------------------------------------------

    def check_destination(self, source_pool: str | None) -> None:
        """At the destination. ``source_pool``: the pool of the source's storage, None for storage
        of the source alone. Raises MigrationPreCheckError if the disks cannot come here."""
        if self._migration.is_same_host or not any(self._all()):
            return
        storage = self._backend.get_storage()
        if source_pool != (storage.pool if storage else None):
            raise exception.MigrationPreCheckError(
                reason="the host of the server shares no storage with the destination, and disks "
                "are copied only from files to files"
            )
        self.check()

    def check(self) -> None:
        """At both hosts. Raises MigrationPreCheckError if the disks can be neither moved nor
        resized, because they are logical volumes."""
        if not self._backend.is_resizable and (any(self._all()) or self._swap.is_replaced):
            raise exception.MigrationPreCheckError(
                reason="disks that are logical volumes can be neither moved nor resized"
            )

    # -- at the source -----------------------------------------------------------------------

    @traced("MovedDisks.keep_for_revert")
    def keep_for_revert(self) -> None:
        """Keep the content for a revert, if the destination will change these very disks. A server
        that only moves keeps what it writes at its destination."""
        if self._migration.is_resize and not self._leaves_its_files:
            for disk in self._all():
                disk.keep_for_revert()
            self._swap.set_aside()

    def offer(self) -> None:
        """Make the disks available to another host that does not share them. There is no guest."""
        if self._leaves_its_files:
            needed = [disk.disk_name for disk in self._all()]
            skip = blockinfo.SWAP if self._swap.is_replaced else ""
            moved_files.offer(self._backend, self._instance, self._migration, needed, skip)

    @traced("MovedDisks.revert")
    def revert(self) -> None:
        """Raises DisksNotMoved if a disk does not exist: it must not be made anew from the
        image."""
        if self._leaves_its_files:
            moved_files.take_back(self._instance)
        else:
            for disk in self._all():
                disk.revert()
            self._swap.put_back()
        self._check_existence()

    @traced("MovedDisks.discard_revert_copy")
    def discard_revert_copy(self) -> None:
        """Remove what only a revert would need. At any host that has it: a guest may run."""
        for disk in self._all():
            disk.discard_revert_copy()
        self._swap.discard_old()

    # -- at the destination ------------------------------------------------------------------

    def fetch(self, source_address: str | None, report: fetched_files.Report | None) -> None:
        """Copy the disks from the source. ``source_address``: None if its disks are in a pool."""
        if self._leaves_its_files and source_address:
            fetched_files.fetch(
                self._backend, self._instance, self._migration, source_address, report
            )

    @traced("MovedDisks.grow")
    def grow(self) -> None:
        """Make the disks as large as the flavor of the instance says. Raises DisksNotMoved if one
        does not exist."""
        self._check_existence()
        if not self._instance.is_volume_backed and self._instance.root_gb:
            root = self._backend.by_name(self._instance, blockinfo.LOCAL_ROOT)
            root.resize_image(self._instance.root_gb * units.Gi)
        if self._ephemerals == 1:
            ephemeral = self._backend.by_name(self._instance, blockinfo.ephemeral_name(0))
            ephemeral.resize_image(self._instance.ephemeral_gb * units.Gi)

    def _check_existence(self) -> None:
        for disk in self._all():
            if not disk.exists():
                raise exception.DisksNotMoved(reason=f"{disk.disk_name} does not exist")
