"""The swap disk of a server whose new flavor has another size of it.

A swap disk has nothing that a guest needs after it was shut down. So it is not resized, but made
anew; the old one is kept under another name until the resize is confirmed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.virt.libvirt import blockinfo

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.virt.libvirt.imagebackend.file import Backend


class MovedSwap:
    """All methods are idempotent. No guest uses the disk."""

    def __init__(self, backend: Backend, instance: Instance, migration: Migration):
        self._swap = backend.by_name(instance, blockinfo.SWAP)
        self._old = backend.by_name(instance, blockinfo.OLD_SWAP)
        self._had_one = migration.old_flavor.swap > 0
        self.is_replaced = migration.old_flavor.swap != migration.new_flavor.swap

    def set_aside(self) -> None:
        """Keep the present disk for :meth:`put_back`."""
        if self.is_replaced and self._swap.exists():
            self._old.remove()
            self._swap.rename(self._old)

    def put_back(self) -> None:
        """Remove the new disk, and bring the old one back."""
        if not self.is_replaced:
            return
        if self._old.exists():
            self._swap.remove()
            self._old.rename(self._swap)
        elif not self._had_one:
            self._swap.remove()

    def discard_old(self) -> None:
        if self.is_replaced:
            self._old.remove()
