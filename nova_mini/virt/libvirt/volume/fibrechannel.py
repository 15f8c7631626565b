"""Fibre channel: the fabric shows the volume to the host's HBAs."""

from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver


class LibvirtFibreChannelVolumeDriver(LibvirtBrickVolumeDriver):
    protocol = "FIBRE_CHANNEL"

    def place(self, connection_info: dict) -> str:
        data = connection_info["data"]
        return f"fibre channel {data['target_wwn']} {data['target_lun']}"
