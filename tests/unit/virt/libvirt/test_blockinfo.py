"""Buses and names of disks are set by the user, the image and the flavor, in that order."""

import pytest

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt.block_device_info import BlockDeviceInfo, EphemeralDisk, RootDisk, SwapDisk
from nova_mini.virt.libvirt import blockinfo
from tests import servers


def layout(instance=None, block_device_info=None, disk_format="raw", **properties) -> dict:
    instance = instance or servers.make_instance()
    info = blockinfo.get_disk_info(
        "x86_64",
        instance,
        ImageMeta(disk_format=disk_format, properties=properties),
        block_device_info or blockinfo.disks_of_flavor(instance),
    )
    return {
        name: (device.bus, device.dev, device.type)
        for name, device in info.mapping.items()
        if name != blockinfo.ROOT
    }


def test_a_plain_server_has_one_virtio_disk():
    assert layout() == {"disk": ("virtio", "vda", "disk")}


def test_ephemeral_and_swap_disks_of_the_flavor():
    flavor = servers.make_flavor(ephemeral_gb=1, swap=64)
    assert layout(servers.make_instance(flavor, config_drive="True")) == {
        "disk": ("virtio", "vda", "disk"),
        "disk.eph0": ("virtio", "vdb", "disk"),
        "disk.swap": ("virtio", "vdc", "disk"),
        "disk.config": ("ide", "hda", "cdrom"),
    }


def test_requested_disks_replace_those_of_the_flavor():
    flavor = servers.make_flavor(ephemeral_gb=1, swap=64)
    requested = BlockDeviceInfo(
        root=RootDisk(disk_bus="scsi", device_type="disk"),
        ephemerals=[EphemeralDisk(size_gb=1, disk_bus="ide"), EphemeralDisk(size_gb=2)],
        swap=SwapDisk(size_mb=32, disk_bus="sata"),
    )
    assert layout(servers.make_instance(flavor), requested) == {
        "disk": ("scsi", "sda", "disk"),
        "disk.eph0": ("ide", "hda", "disk"),
        "disk.eph1": ("virtio", "vda", "disk"),
        "disk.swap": ("sata", "sdb", "disk"),
    }


def test_an_iso_is_a_bootable_cdrom():
    info = blockinfo.get_disk_info(
        "x86_64", servers.make_instance(), ImageMeta(disk_format="iso"), BlockDeviceInfo()
    )
    root = info.mapping[blockinfo.ROOT]
    assert (root.bus, root.type, root.boot_index) == ("ide", "cdrom", 1)


@pytest.mark.parametrize(
    ("properties", "bus"),
    [({}, "ide"), ({"hw_machine_type": "q35"}, "sata"), ({"hw_cdrom_bus": "scsi"}, "scsi")],
)
def test_the_bus_of_the_config_drive(properties, bus):
    found = layout(servers.make_instance(config_drive="True"), **properties)
    assert found["disk.config"][0] == bus


def test_the_flavor_has_precedence_over_the_image():
    flavor = servers.make_flavor(extra_specs={"hw:disk_bus": "scsi"})
    assert layout(servers.make_instance(flavor), hw_disk_bus="ide")["disk"][0] == "scsi"


def test_an_unknown_bus_is_refused_and_the_choices_are_listed():
    with pytest.raises(exception.UnsupportedHardware, match="virtio, scsi"):
        layout(hw_disk_bus="'/><evil")


def test_more_disks_than_a_bus_can_have_are_refused():
    requested = BlockDeviceInfo(ephemerals=[EphemeralDisk(size_gb=1)] * 4)
    with pytest.raises(exception.InvalidDiskInfo, match="ide bus"):
        layout(block_device_info=requested, hw_disk_bus="ide")


def test_device_names_are_set_in_the_instance():
    instance = servers.make_instance(servers.make_flavor(swap=32))
    layout = blockinfo.disks_of_flavor(instance)
    info = blockinfo.get_disk_info("x86_64", instance, ImageMeta(), layout)
    blockinfo.name_devices(instance, info)
    assert instance.root_device_name == "/dev/vda"
    assert instance.default_swap_device == "/dev/vdb"
    assert instance.default_ephemeral_device is None
