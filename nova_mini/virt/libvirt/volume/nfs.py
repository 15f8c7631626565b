"""NFS: a volume is a file in a share, mounted for as long as a server here has one in it."""

from __future__ import annotations

import hashlib
import logging
import pathlib

from oslo_concurrency import processutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver

LOG = logging.getLogger(__name__)

_FORMATS = ("raw", "qcow2")
_PATIENCE = "20s"


class LibvirtNFSVolumeDriver(LibvirtBrickVolumeDriver):
    source_type = "file"
    protocol = "NFS"

    def _options(self) -> dict:
        options = CONF.libvirt.nfs_mount_options
        return {
            "nfs_mount_point_base": CONF.libvirt.nfs_mount_point_base,
            **({"nfs_mount_options": options} if options else {}),
        }

    def place(self, connection_info: dict) -> str:
        return f"{self.carrier(connection_info)}/{connection_info['data']['name']}"

    def carrier(self, connection_info: dict) -> str:
        return f"nfs {connection_info['data']['export']}"

    def connect_volume(self, connection_info: dict) -> None:
        name = connection_info["data"]["name"]
        if name in ("", "..") or pathlib.PurePath(name).name != name:
            raise exception.VolumeAttachFailed(
                volume_id=connection_info["serial"], reason="its file is not in its share"
            )
        super().connect_volume(connection_info)

    def leave(self, connection_info: dict) -> None:
        mounted = _mount_point(connection_info["data"]["export"])
        if mounted in _mount_points():
            _unmount(mounted)

    def _set_source(self, config: LibvirtConfigGuestDisk, data: dict) -> None:
        super()._set_source(config, data)
        if data.get("format") in _FORMATS:
            config.driver_format = data["format"]

    def extend_volume(self, connection_info: dict, size: int) -> None:
        """The file has grown already."""


def _mount_point(export: str) -> pathlib.Path:
    """Where os-brick mounts a share."""
    name = hashlib.md5(export.encode(), usedforsecurity=False).hexdigest()
    return pathlib.Path(CONF.libvirt.nfs_mount_point_base) / name


def _mount_points() -> set[pathlib.Path]:
    """Without asking the shares themselves: one whose server died does not answer."""
    lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    return {pathlib.Path(line.split()[1]) for line in lines}


def _unmount(mounted: pathlib.Path) -> None:
    """Nobody here needs it. The kernel waits for a server that died, we do not; mostly it has
    taken the mount away by then."""
    try:
        processutils.execute("timeout", "--signal=KILL", _PATIENCE, "umount", str(mounted))
    except processutils.ProcessExecutionError as exc:
        LOG.warning("%s cannot be unmounted now (%s): the kernel goes on", mounted, exc)
        if mounted in _mount_points():
            processutils.execute("umount", "--lazy", str(mounted))
