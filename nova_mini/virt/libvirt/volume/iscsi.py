"""iSCSI by the host's kernel: a login for each target, a block device for each volume."""

from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver


class LibvirtISCSIVolumeDriver(LibvirtBrickVolumeDriver):
    protocol = "ISCSI"

    def place(self, connection_info: dict) -> str:
        data = connection_info["data"]
        return f"iscsi {data['target_portal']} {data['target_iqn']} {data.get('target_lun', 0)}"
