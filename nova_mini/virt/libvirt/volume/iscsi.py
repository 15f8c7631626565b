"""iSCSI by the host's kernel: a login for each target, a block device for each volume."""

from nova_mini.virt.libvirt.volume.brick import LibvirtBrickVolumeDriver


class LibvirtISCSIVolumeDriver(LibvirtBrickVolumeDriver):
    protocol = "ISCSI"
