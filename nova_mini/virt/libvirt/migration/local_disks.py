"""What the source of a live migration says about the disks of a guest that are not volumes."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt import blockinfo, disk_places, disks, utils
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.migration import folder_mark

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
    from nova_mini.virt.libvirt.imagebackend.file import Backend


@dataclasses.dataclass(frozen=True)
class LocalFile:
    """A disk that is a file, and can be copied while the guest runs.

    ``name``: of the file; ``device``: the guest's name of the disk. ``size``: as the guest sees it;
    ``data``: what is written in the file and in its base. ``image_size``: the size of its base, if
    that is the image of the server in the image cache. ``has_own_base``: its base is another file,
    which exists on this host only. All sizes are in bytes.
    """

    name: str
    device: str
    size: int
    data: int
    image_size: int | None
    has_own_base: bool


@dataclasses.dataclass(frozen=True)
class LocalDisks:
    """``names``: of all disks that are no volumes, without a config drive. ``pool``: the shared
    storage that has them, or None. ``files``: the same disks, if they are files.

    ``folder``: of the instance's files; ``mark``: see :mod:`.folder_mark`. ``config_drive``: the
    size in bytes of a config drive that is a file, or None. ``address``: of this host, for ssh.
    """

    names: Sequence[str]
    pool: str | None
    files: Sequence[LocalFile]
    folder: str
    mark: str | None
    config_drive: int | None
    address: str

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        return cls(**{**stored, "files": [LocalFile(**each) for each in stored["files"]]})


def of_guest(
    guest: Guest, backend: Backend, instance: Instance, block_device_info: BlockDeviceInfo
) -> LocalDisks:
    """Raises MigrationPreCheckError if a disk is a file that cannot be copied."""
    names, storage = _names(instance, block_device_info), backend.get_storage()
    files = [] if storage else _files(guest, instance, names)
    drive = utils.get_instance_path(instance, blockinfo.CONFIG_DRIVE)
    return LocalDisks(
        names=names,
        pool=storage.pool if storage and backend.is_shared else None,
        files=files,
        folder=str(utils.get_instance_path(instance)),
        mark=folder_mark.write(instance) if files else None,
        config_drive=drive.stat().st_size if drive.exists() else None,
        address=str(CONF.my_ip),
    )


def _names(instance: Instance, block_device_info: BlockDeviceInfo) -> list[str]:
    found = [] if instance.is_volume_backed else [blockinfo.LOCAL_ROOT]
    count = len(block_device_info.ephemerals)
    found += [blockinfo.ephemeral_name(index) for index in range(count)]
    return found + ([blockinfo.SWAP] if block_device_info.swap_mb else [])


def _files(guest: Guest, instance: Instance, names: Sequence[str]) -> list[LocalFile]:
    """By the definition of the running guest: what it has is what must be copied."""
    found = {disk_places.local_name(guest.uuid, each): each for each in guest.get_devices().disks}
    for name in names:
        disk = found.get(name)
        if disk is None:
            raise exception.MigrationPreCheckError(reason=f"the guest has no disk {name}")
        if disk.source_device == "cdrom":
            raise exception.MigrationPreCheckError(
                reason="the server runs from a CD-ROM on its host, which cannot be copied while "
                "the guest runs; migrate it cold"
            )
    return [_file(guest, instance, name, found[name]) for name in names]


def _file(guest: Guest, instance: Instance, name: str, disk: LibvirtConfigGuestDisk) -> LocalFile:
    path = utils.get_instance_path(instance, name)
    backing = utils.find_backing_file(path) if disk.driver_format == "qcow2" else None
    base = pathlib.Path(backing) if backing else None
    is_image = (
        base is not None
        and name == blockinfo.LOCAL_ROOT
        and base == utils.get_cache_path(disks.get_cache_fname(instance.image_ref))
    )
    return LocalFile(
        name=name,
        device=disk.target_dev,
        size=guest.get_disk_size(disk.target_dev),
        data=sum(each.stat().st_blocks * 512 for each in (path, base) if each),
        image_size=utils.get_disk_size(base, utils.get_base_format(base))
        if base and is_image
        else None,
        has_own_base=base is not None and not is_image,
    )
