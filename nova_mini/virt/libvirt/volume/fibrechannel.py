"""Fibre channel: the volume is a block device that the host's HBAs find."""

from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver, first
from nova_mini.volume.connection_info import ConnectionInfo


class LibvirtFibreChannelVolumeDriver(LibvirtBrickVolumeDriver):
    protocol = "FIBRE_CHANNEL"

    def connection_key(self, connection_info: ConnectionInfo) -> str:
        data = connection_info["data"]
        return f"fibre channel {first(data, 'target_wwn')} {first(data, 'target_lun')}"
