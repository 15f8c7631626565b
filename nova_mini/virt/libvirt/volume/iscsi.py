"""iSCSI with the host's kernel: a login for each target, a block device for each volume."""

from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver, first
from nova_mini.volume.connection_info import ConnectionInfo


class LibvirtISCSIVolumeDriver(LibvirtBrickVolumeDriver):
    protocol = "ISCSI"

    def connection_key(self, connection_info: ConnectionInfo) -> str:
        data = connection_info["data"]
        portal, iqn, lun = (first(data, f"target_{part}") for part in ("portal", "iqn", "lun"))
        return f"iscsi {portal} {iqn} {lun}"
