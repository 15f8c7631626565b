"""iSCSI by the host's kernel: a login for each target, a block device for each volume."""

from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver, first


class LibvirtISCSIVolumeDriver(LibvirtBrickVolumeDriver):
    protocol = "ISCSI"

    def place(self, connection_info: dict) -> str:
        data = connection_info["data"]
        portal, iqn, lun = (first(data, f"target_{part}") for part in ("portal", "iqn", "lun"))
        return f"iscsi {portal} {iqn} {lun}"
