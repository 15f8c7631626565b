"""NFS: a volume is a file in a share that the host mounts, and leaves mounted."""

from __future__ import annotations

from nova_mini.conf import CONF
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver

_FORMATS = ("raw", "qcow2")


class LibvirtNFSVolumeDriver(LibvirtBrickVolumeDriver):
    source_type = "file"
    protocol = "NFS"

    def _options(self) -> dict:
        options = CONF.libvirt.nfs_mount_options
        return {
            "nfs_mount_point_base": CONF.libvirt.nfs_mount_point_base,
            **({"nfs_mount_options": options} if options else {}),
        }

    def _set_source(self, config: LibvirtConfigGuestDisk, data: dict) -> None:
        super()._set_source(config, data)
        if data.get("format") in _FORMATS:
            config.driver_format = data["format"]

    def extend_volume(self, connection_info: dict, size: int) -> None:
        """The file has grown already."""
