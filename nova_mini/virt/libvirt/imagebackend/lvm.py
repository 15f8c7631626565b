"""Disks that are logical volumes of this host."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.virt import images
from nova_mini.virt.libvirt import blockinfo, utils
from nova_mini.virt.libvirt.imagebackend.base import Image, Storage, owner_of, owners_of
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.storage.lvm import VolumeGroup

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.config_devices import Place
    from nova_mini.virt.libvirt.guest import Guest

LOG = logging.getLogger(__name__)


class Lvm(Image):
    driver_format = "raw"

    def __init__(self, instance: Instance | Guest, disk_name: str, group: VolumeGroup):
        super().__init__(instance, disk_name)
        self.volume_name = f"{instance.uuid}_{disk_name}"
        self.path = group.path(utils.check_file_name(self.volume_name))
        self._group = group

    @property
    def place(self) -> Place:
        return "block", None, str(self.path)

    def exists(self) -> bool:
        found = self._group.find(self.volume_name)
        return found is not None and found.is_whole

    def _create(self, base, size):
        base_format = utils.get_base_format(base)
        size = max(utils.get_disk_size(base, base_format), size or 0)
        with self._group.unfinished(self.volume_name, size) as path:
            self._fill(base, base_format)
            if self.finish:
                self.finish(path, self.driver_format)

    @traced("Lvm._fill")
    def _fill(self, base, base_format: str) -> None:
        """Copy the base to the device, zeros too: the device may hold old data."""
        images.qemu_img(
            "convert",
            "-n",
            "-W",
            "-t",
            "none",
            "-f",
            base_format,
            "-O",
            self.driver_format,
            str(base),
            str(self.path),
        )

    def remove(self) -> None:
        self._group.remove(self.volume_name)

    def get_disk_size(self) -> int:
        found = self._group.find(self.volume_name)
        if found is None:
            raise exception.LvmFailed(reason=f"{self.path} does not exist")
        return found.size

    def resize_image(self, size: int) -> None:
        if size > self.get_disk_size():
            self._group.extend(self.volume_name, size)

    def keep_for_revert(self) -> None:
        raise NotImplementedError("logical volumes have no snapshots here")

    def revert(self) -> None:
        """Nothing was kept."""

    def discard_revert_copy(self) -> None:
        """Nothing was kept."""

    def rename(self, other: Image) -> None:
        raise NotImplementedError("logical volumes keep their names")

    def snapshot_extract(self, target: pathlib.Path, out_format: str) -> None:
        images.qemu_img(
            "convert",
            "-T",
            "none",
            "-f",
            self.driver_format,
            "-O",
            out_format,
            str(self.path),
            str(target),
        )

    def _access(self):
        return {"driver_cache": CONF.libvirt.disk_cachemodes.get("block", "none")}


class LvmBackend(Backend):
    """The config drive is a file in the instance's folder."""

    is_resizable = False

    def __init__(self):
        name = CONF.libvirt.images_volume_group
        if not name:
            raise exception.ConfigurationError(
                "images_type=lvm needs [libvirt] images_volume_group"
            )
        self._group = VolumeGroup(name)

    def by_name(self, instance: Instance | Guest, disk_name: str) -> Image:
        if disk_name in blockinfo.CONFIG_DRIVES:
            return self.config_drive(instance, disk_name)
        return Lvm(instance, disk_name, self._group)

    def init_host(self) -> None:
        try:
            self._group.get_info()
        except exception.LvmFailed as exc:
            name = self._group.name
            raise exception.ConfigurationError(
                f"The volume group {name} for the disks of servers cannot be used. "
                f"{exc.format_message()} Create it (vgcreate {name} DEVICE..., in Debian's package "
                "lvm2), or set [libvirt] images_volume_group to a group that `vgs` shows."
            ) from exc

    def get_storage(self) -> Storage | None:
        info = self._group.get_info()
        return Storage(pool=None, total=info.total, free=info.free)

    def list_local_owners(self) -> set[str]:
        volumes = self._group.list_volumes()
        return {owner for volume in volumes if (owner := owner_of(volume.name))}

    def list_owners_of(self, disk_name: str) -> set[str]:
        return owners_of(disk_name, (volume.name for volume in self._group.list_volumes()))

    @traced("LvmBackend.remove_disks")
    def remove_disks(self, instance_uuid: str) -> None:
        for volume in self._group.list_volumes():
            if owner_of(volume.name) == instance_uuid:
                LOG.info("Logical volume %s: clearing and removing it", volume.name)
                self._group.remove(volume.name)
