"""Whether the local disks of a guest can come to this host, before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oslo_utils import units

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt import resources
from nova_mini.virt.libvirt.migration import folder_mark

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.imagebackend.file import Backend
    from nova_mini.virt.libvirt.migration.local_disks import LocalDisks


def check(
    backend: Backend,
    instance: Instance,
    source: LocalDisks,
    block_migration: bool | None,
    disk_over_commit: bool | None,
) -> None:
    """At the destination. Both options are as of ``ComputeDriver``. Raises
    MigrationPreCheckError."""
    storage = backend.get_storage()
    is_shared = bool(source.pool) and storage is not None and storage.pool == source.pool
    is_same_folder = folder_mark.is_here(instance, source.mark)
    if block_migration and (is_shared or is_same_folder):
        raise _refusal("block migration cannot be used with shared storage")
    if is_same_folder:
        raise _refusal(
            "the hosts share the folder of the servers' files, which is not supported; share disks "
            "with Ceph, or give each host its own folder"
        )
    if is_shared or not source.names:
        return
    if block_migration is False:
        raise _refusal(
            "without block migration, the hosts must share their storage, or all disks of the "
            "server must be volumes"
        )
    if not source.files or storage is not None:
        raise _refusal(
            "the server has disks on its host, and while the guest runs, disks are copied only "
            "from files to files"
        )
    _check_space(instance, source, disk_over_commit)


def _check_space(instance: Instance, source: LocalDisks, disk_over_commit: bool | None) -> None:
    """Disks grow. With over-commitment, only what they have now must find space; without it, their
    full sizes beside those of the disks that are here. If the request does not say it, the ledger
    has decided with ``disk_allocation_ratio``, and only their present data is checked."""
    if disk_over_commit is False:
        needed = sum(each.size for each in source.files)
        free = resources.file_system(without=instance.uuid).free
    else:
        needed = sum(each.data for each in source.files)
        free = resources.free_bytes()
    free -= CONF.reserved_host_disk_mb * units.Mi
    if needed > free:
        raise _refusal(
            "the destination does not have enough space for the disks: "
            f"{-(-needed // units.Mi)} MiB are needed, {max(free, 0) // units.Mi} MiB are free"
        )


def _refusal(reason: str) -> exception.MigrationPreCheckError:
    return exception.MigrationPreCheckError(reason=reason)
