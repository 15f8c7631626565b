"""The local disks of a server that moves to another host or flavor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from oslo_utils import units

from nova_mini import exception
from nova_mini.trace import traced
from nova_mini.virt.libvirt import blockinfo

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.libvirt.imagebackend.base import Image
    from nova_mini.virt.libvirt.imagebackend.file import Backend


class MovedDisks:
    """The root disk and the ephemeral disks of an instance, without volumes."""

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

    def _all(self) -> Iterator[Image]:
        if not self._instance.is_volume_backed:
            yield self._backend.by_name(self._instance, blockinfo.LOCAL_ROOT)
        for index in range(self._ephemerals):
            yield self._backend.by_name(self._instance, blockinfo.ephemeral_name(index))

    def check(self) -> None:
        """Raises MigrationPreCheckError if the destination cannot use the disks."""
        if any(self._all()) and not (self._backend.is_shared or self._migration.is_same_host):
            raise exception.MigrationPreCheckError(
                reason="the disks of the server are on its host, which shares no storage with "
                "other hosts"
            )

    @traced("MovedDisks.keep_for_revert")
    def keep_for_revert(self) -> None:
        """Keep the content for a revert, if the disks will grow. A server that only moves keeps
        what it writes at its destination."""
        if self._migration.is_resize:
            for disk in self._all():
                disk.keep_for_revert()

    @traced("MovedDisks.grow")
    def grow(self) -> None:
        """Make the disks as large as the flavor of the instance says. Raises
        MigrationPreCheckError if one does not exist: it must not be made anew from the image."""
        for disk in self._all():
            if not disk.exists():
                raise exception.MigrationPreCheckError(
                    reason=f"{disk.disk_name} does not exist at the destination"
                )
        if not self._instance.is_volume_backed and self._instance.root_gb:
            root = self._backend.by_name(self._instance, blockinfo.LOCAL_ROOT)
            root.resize_image(self._instance.root_gb * units.Gi)
        if self._ephemerals == 1:
            ephemeral = self._backend.by_name(self._instance, blockinfo.ephemeral_name(0))
            ephemeral.resize_image(self._instance.ephemeral_gb * units.Gi)

    @traced("MovedDisks.revert")
    def revert(self) -> None:
        for disk in self._all():
            disk.revert()

    @traced("MovedDisks.forget_kept")
    def forget_kept(self) -> None:
        for disk in self._all():
            disk.forget_kept()
