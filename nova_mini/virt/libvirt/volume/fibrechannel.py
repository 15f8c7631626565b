"""Fibre channel: the fabric shows the volume to the host's HBAs."""

from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver, first


class LibvirtFibreChannelVolumeDriver(LibvirtBrickVolumeDriver):
    protocol = "FIBRE_CHANNEL"

    def place(self, connection_info: dict) -> str:
        data = connection_info["data"]
        return f"fibre channel {first(data, 'target_wwn')} {first(data, 'target_lun')}"
