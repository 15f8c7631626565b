"""Disks in storage that several hosts use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance


class SharedDisks:
    """The methods of a driver without such storage; others override them."""

    def has_shared_disks(self, instance: Instance) -> bool:
        """Whether the disks of an instance are in storage that other hosts use, too, and exist. For
        an evacuation."""
        return False

    def list_shared_disk_owners(self) -> set[str]:
        """Uuids of the instances of all hosts that have disks in shared storage."""
        return set()

    def destroy_shared_disks(self, instance_uuid: str) -> None:
        """Remove the disks of an instance from shared storage; they are orphans. Raises
        CephUnavailable, RbdImageBusy."""

    def clean_shared_disks(self, instance_uuids: set[str]) -> None:
        """Remove the unfinished disks that interrupted operations left in shared storage for these
        instances, which are on this host. Raises CephUnavailable, RbdImageBusy."""
