"""Disks that are logical volumes of this host: nothing stands between a guest and the device."""

from __future__ import annotations

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.virt import images
from nova_mini.virt.libvirt import blockinfo, utils
from nova_mini.virt.libvirt.imagebackend import Backend, Flat, Image, Storage, owner_of
from nova_mini.virt.libvirt.storage.lvm import VolumeGroup

LOG = logging.getLogger(__name__)


class Lvm(Image):
    driver_format = "raw"

    def __init__(self, instance, disk_name: str, group: VolumeGroup):
        super().__init__(instance, disk_name)
        self.volume_name = f"{instance.uuid}_{disk_name}"
        self.path = group.path(self.volume_name)
        self._group = group

    @property
    def place(self):
        return "block", None, str(self.path)

    def exists(self):
        found = self._group.find(self.volume_name)
        return found is not None and found.is_whole

    def _create(self, base, size):
        base_format = utils.get_base_format(base)
        size = max(utils.get_disk_size(base, base_format), size or 0)
        with self._group.unfinished(self.volume_name, size) as path:
            self._fill(base, base_format)
            if self.finish:
                self.finish(path, self.driver_format)

    @traced
    def _fill(self, base, base_format: str) -> None:
        """Zeros are written as well: who knows what was on the device before."""
        images.qemu_img(
            "convert", "-n", "-W", "-t", "none", "-f", base_format, "-O", self.driver_format,
            str(base), str(self.path),
        )  # fmt: skip

    def get_disk_size(self):
        found = self._group.find(self.volume_name)
        if found is None:
            raise exception.LvmFailed(reason=f"there is no {self.path}")
        return found.size

    def resize_image(self, size):
        if size > self.get_disk_size():
            self._group.extend(self.volume_name, size)

    def snapshot_extract(self, target, out_format):
        images.qemu_img(
            "convert", "-T", "none", "-f", self.driver_format, "-O", out_format,
            str(self.path), str(target),
        )  # fmt: skip

    def _access(self):
        return {"driver_cache": CONF.libvirt.disk_cachemodes.get("block", "none")}


class LvmBackend(Backend):
    """The config drive is a file in the instance's folder."""

    def __init__(self):
        name = CONF.libvirt.images_volume_group
        if not name:
            raise exception.ConfigurationError(
                "images_type=lvm needs [libvirt] images_volume_group"
            )
        self._group = VolumeGroup(name)

    def by_name(self, instance, disk_name):
        if disk_name == blockinfo.CONFIG_DRIVE:
            return Flat(instance, disk_name)
        return Lvm(instance, disk_name, self._group)

    def init_host(self):
        try:
            self._group.get_info()
        except exception.LvmFailed as exc:
            name = self._group.name
            raise exception.ConfigurationError(
                f"The disks of servers shall be in the volume group {name}, which cannot be used. "
                f"{exc.format_message()} Make it (vgcreate {name} DEVICE...; Debian's lvm2 has "
                "that), or set [libvirt] images_volume_group to one that `vgs` shows."
            ) from exc

    def get_storage(self):
        info = self._group.get_info()
        return Storage(pool=None, total=info.total, free=info.free)

    def list_local_owners(self):
        return {owner_of(volume.name) for volume in self._group.list_volumes()} - {None}

    @traced
    def remove_disks(self, instance_uuid):
        for volume in self._group.list_volumes():
            if owner_of(volume.name) == instance_uuid:
                LOG.info("clearing and removing %s", volume.name)
                self._group.remove(volume.name)
