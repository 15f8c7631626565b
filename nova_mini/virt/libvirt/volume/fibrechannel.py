"""Fibre channel: the fabric shows the volume to the host's HBAs."""

from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver


class LibvirtFibreChannelVolumeDriver(LibvirtBrickVolumeDriver):
    protocol = "FIBRE_CHANNEL"
