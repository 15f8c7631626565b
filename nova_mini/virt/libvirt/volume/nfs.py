"""NFS: a volume is a file in a share. The share is mounted while a server on this host uses it."""

from __future__ import annotations

import hashlib
import logging
import pathlib

from oslo_concurrency import processutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt import private_files
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver
from nova_mini.volume.connection_info import ConnectionInfo

LOG = logging.getLogger(__name__)

_FORMATS = ("raw", "qcow2")
_UMOUNT_TIMEOUT = "20s"


class LibvirtNFSVolumeDriver(LibvirtBrickVolumeDriver):
    source_type = "file"
    protocol = "NFS"

    def _options(self) -> dict:
        options = CONF.libvirt.nfs_mount_options
        return {
            "nfs_mount_point_base": CONF.libvirt.nfs_mount_point_base,
            **({"nfs_mount_options": options} if options else {}),
        }

    def connection_key(self, connection_info: ConnectionInfo) -> str:
        return f"{self.shared_resource(connection_info)}/{connection_info['data']['name']}"

    def shared_resource(self, connection_info: ConnectionInfo) -> str:
        return f"nfs {connection_info['data']['export']}"

    def connect_volume(self, connection_info: ConnectionInfo) -> None:
        name = connection_info["data"]["name"]
        if name in ("", "..") or pathlib.PurePath(name).name != name:
            raise exception.VolumeAttachFailed(
                volume_id=connection_info["serial"], reason="its file is outside of its share"
            )
        # Sets a mode with which QEMU can reach the share, independent of the umask.
        private_files.make_folder(pathlib.Path(CONF.libvirt.nfs_mount_point_base))
        super().connect_volume(connection_info)

    def release_shared_resource(self, connection_info: ConnectionInfo) -> None:
        mounted = _mount_point(connection_info["data"]["export"])
        if mounted in _mount_points():
            _unmount(mounted)

    def _set_source(self, config: LibvirtConfigGuestDisk, data: dict) -> None:
        super()._set_source(config, data)
        if data.get("format") in _FORMATS:
            config.driver_format = data["format"]

    def extend_volume(self, connection_info: ConnectionInfo, size: int) -> None:
        """Nothing to do: the file is larger already."""


def _mount_point(export: str) -> pathlib.Path:
    """The mount point that os-brick uses for a share."""
    name = hashlib.md5(export.encode(), usedforsecurity=False).hexdigest()
    return pathlib.Path(CONF.libvirt.nfs_mount_point_base) / name


def _mount_points() -> set[pathlib.Path]:
    """Read from the kernel's list, because a share whose server died would block."""
    lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    return {pathlib.Path(line.split()[1]) for line in lines}


def _unmount(mounted: pathlib.Path) -> None:
    """Unmount a share. If its server does not answer in time, the mount is only detached from the
    file tree; the kernel completes that later."""
    try:
        processutils.execute("timeout", "--signal=KILL", _UMOUNT_TIMEOUT, "umount", str(mounted))
    except processutils.ProcessExecutionError as exc:
        LOG.warning("Share %s: could not unmount it, doing it lazily: %s", mounted, exc)
        if mounted in _mount_points():
            processutils.execute("umount", "--lazy", str(mounted))
