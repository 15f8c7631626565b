"""The disks of a rescued guest: their places, their files, and which of them are left."""

from __future__ import annotations

import dataclasses

import pytest
from lxml import etree

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.block_device_info import BlockDeviceInfo, RootDisk, VolumeDisk
from nova_mini.virt.libvirt import LibvirtDriver, blockinfo, disks, rescue, utils
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.guest_config import GuestConfigBuilder
from nova_mini.virt.libvirt.imagebackend.base import owners_of
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.serial_ports import SerialPorts
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver
from tests import servers
from tests.unit.virt.disk_files import needs_qemu_img
from tests.unit.virt.libvirt.guests_of_host import GuestsOfHost
from tests.unit.virt.libvirt.test_boot_files import KERNEL_ID, RAMDISK_ID, Glance
from tests.unit.virt.libvirt.test_guest_config import CAPABILITIES

IMAGE_ID = "22222222-0000-0000-0000-000000000009"
VOLUME = VolumeDisk(
    device_name="/dev/vdb",
    connection_info={"driver_volume_type": "rbd", "serial": "v", "data": {}},
)
DISKS = BlockDeviceInfo(root=RootDisk(), volumes=[VOLUME])


def image(**properties) -> ImageMeta:
    return ImageMeta(id=IMAGE_ID, disk_format="raw", properties=properties)


def layout(instance=None, rescue_image=None, block_device_info=DISKS) -> rescue.RescueLayout:
    instance = instance or servers.make_instance()
    return rescue.get_layout("x86_64", instance, rescue_image or image(), block_device_info)


def domain(instance, found: rescue.RescueLayout) -> etree._Element:
    builder = GuestConfigBuilder(
        CAPABILITIES, Backend("qcow2"), LibvirtGenericVIFDriver(), SerialPorts(GuestsOfHost())
    )
    config = builder.get_guest_config(
        instance, NetworkInfo(), found.image_meta, found.disk_info, {}, found.boot
    )
    return etree.fromstring(config.to_xml())


def places(xml: etree._Element) -> list[tuple]:
    """(file, device, boot order) of each disk."""
    return [
        (
            disk.find("source").get("file").rpartition("/")[2],
            disk.find("target").get("dev"),
            disk.find("boot").get("order") if disk.find("boot") is not None else None,
        )
        for disk in xml.iter("disk")
    ]


# -- the classical way ---------------------------------------------------------------------------


def test_the_rescue_disk_is_the_first_and_the_root_disk_the_second():
    instance = servers.make_instance(config_drive="True")
    xml = domain(instance, layout(instance, block_device_info=DISKS))
    assert places(xml) == [
        ("disk.rescue", "vda", "1"),
        ("disk", "vdb", None),
        ("disk.config.rescue", "hda", None),
    ]


def test_the_hardware_is_that_of_the_rescue_image():
    instance = servers.make_instance(system_metadata={"image_hw_disk_bus": "scsi"})
    mapping = layout(instance, image(hw_disk_bus="sata")).disk_info.mapping
    assert mapping["disk.rescue"] == DiskDevice("sata", "sda", boot_index=1)
    assert mapping["disk"] == DiskDevice("sata", "sdb")


def test_an_iso_image_is_a_cdrom_and_so_is_an_own_root_disk():
    instance = servers.make_instance(system_metadata={"image_disk_format": "iso"})
    rescue_image = ImageMeta(id=IMAGE_ID, disk_format="iso")
    mapping = layout(instance, rescue_image).disk_info.mapping
    assert mapping["disk.rescue"] == DiskDevice("ide", "hda", "cdrom", 1)
    assert mapping["disk"] == DiskDevice("ide", "hdb", "cdrom")


def test_it_boots_with_the_kernel_of_the_rescue_image_only():
    instance = servers.make_instance(kernel_id=KERNEL_ID, ramdisk_id=RAMDISK_ID)
    assert domain(instance, layout(instance)).find("os/kernel") is None
    rescue_image = image(kernel_id=KERNEL_ID, ramdisk_id=RAMDISK_ID)
    xml = domain(instance, layout(instance, rescue_image))
    assert xml.findtext("os/kernel").endswith("/kernel.rescue")
    assert xml.findtext("os/initrd").endswith("/ramdisk.rescue")
    assert xml.findtext("os/cmdline").startswith("root=/dev/vda ")


# -- stable rescue -------------------------------------------------------------------------------


def test_all_disks_stay_in_their_places_and_the_rescue_disk_is_booted():
    instance = servers.make_instance(config_drive="True")
    rescue_image = image(hw_rescue_device="disk", hw_rescue_bus="usb", hw_disk_bus="sata")
    found = layout(instance, rescue_image, DISKS)
    own = blockinfo.get_disk_info("x86_64", instance, found.image_meta, DISKS).mapping
    mapping = found.disk_info.mapping
    assert found.block_device_info is DISKS
    assert own["disk"].boot_index == 1
    assert mapping["disk"] == DiskDevice(own["disk"].bus, own["disk"].dev)
    assert mapping["/dev/vdb"] == own["/dev/vdb"]
    assert mapping["disk.config.rescue"] == own["disk.config"]
    assert mapping["disk.rescue"] == DiskDevice("usb", "sda", boot_index=1)
    assert "disk.config" not in mapping


def test_a_root_volume_is_not_booted():
    root = dataclasses.replace(VOLUME, device_name="/dev/vda", boot_index=0)
    mapping = layout(
        rescue_image=image(hw_rescue_bus="virtio"),
        block_device_info=BlockDeviceInfo(volumes=[root, VOLUME]),
    ).disk_info.mapping
    assert mapping["/dev/vda"] == DiskDevice("virtio", "vda")
    assert mapping["disk.rescue"] == DiskDevice("virtio", "vdc", boot_index=1)
    assert "disk" not in mapping


@pytest.mark.parametrize(
    ("own", "properties", "expected"),
    [
        ({}, {"hw_rescue_device": "cdrom"}, DiskDevice("ide", "hda", "cdrom", 1)),
        ({}, {"hw_rescue_device": "disk"}, DiskDevice("virtio", "vdc", "disk", 1)),
        ({}, {"hw_rescue_bus": "scsi"}, DiskDevice("scsi", "sda", "disk", 1)),
        (
            {"image_hw_machine_type": "q35"},
            {"hw_rescue_device": "cdrom"},
            DiskDevice("sata", "sda", "cdrom", 1),
        ),
        (
            {},
            {"hw_rescue_device": "cdrom", "hw_cdrom_bus": "scsi"},
            DiskDevice("scsi", "sda", "cdrom", 1),
        ),
    ],
)
def test_bus_and_type_of_the_rescue_disk(own, properties, expected):
    instance = servers.make_instance(system_metadata=own)
    assert layout(instance, image(**properties)).disk_info.mapping["disk.rescue"] == expected


@pytest.mark.parametrize("properties", [{"hw_rescue_bus": "fdc"}, {"hw_rescue_device": "lun"}])
def test_other_hardware_is_refused(properties):
    with pytest.raises(exception.UnsupportedHardware):
        layout(rescue_image=image(**properties))


# -- files ---------------------------------------------------------------------------------------


@pytest.fixture
def glance():
    served = Glance()
    served.add(IMAGE_ID, b"rescue" * 1024, disk_format="raw", container_format="bare")
    served.add(KERNEL_ID, b"kernel")
    served.invisible = {IMAGE_ID, KERNEL_ID}  # the API has checked the rights of its user
    return served


def files_of(instance) -> list[str]:
    return sorted(path.name for path in utils.get_instance_path(instance).iterdir())


@needs_qemu_img
@pytest.mark.parametrize("images_type", ["raw", "qcow2"])
def test_disks_are_made_and_removed(glance, images_type):
    instance = servers.make_instance(config_drive="True")
    backend = Backend(images_type)
    found = layout(instance, image(kernel_id=KERNEL_ID))
    injected = disks.InjectionInfo(NetworkInfo(), [], "secret")
    for _ in range(2):  # a repeated call keeps the existing disk
        rescue.create_disks(None, glance, instance, backend, found, injected)
    assert files_of(instance) == ["disk.config.rescue", "disk.rescue", "kernel.rescue"]
    content = utils.get_instance_path(instance, "disk.config.rescue").read_bytes()
    assert b"secret" in content
    assert rescue.list_owners(backend) == {instance.uuid}
    for _ in range(2):
        rescue.remove_disks(instance, backend)
    assert files_of(instance) == []
    assert rescue.list_owners(backend) == set()


def test_an_unfinished_rescue_disk_is_removed(glance):
    instance = servers.make_instance()
    folder = utils.get_instance_path(instance)
    folder.mkdir()
    for name in ("disk", "disk.rescue.part"):
        (folder / name).touch()
    rescue.remove_disks(instance, Backend("raw"))
    assert files_of(instance) == ["disk"]


def test_owners_by_the_names_of_volumes_and_images():
    uuid = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"
    names = [f"{uuid}_disk.rescue", "x_disk.rescue", "70ad04d1-6ad9-4bb0-8b0e-2f0b6a0a3c22_disk"]
    assert owners_of("disk.rescue", names) == {uuid}


# -- which are used ------------------------------------------------------------------------------


class Host:
    def __init__(self, *guests):
        self._guests = guests

    def list_guests(self):
        return self._guests


class Guest:
    """A domain: ``live`` and ``defined`` are the paths of its disks."""

    def __init__(self, uuid, live=(), defined=()):
        self.uuid = uuid
        self._paths = {False: live, True: defined}

    def get_devices(self, persistent=False):
        class Devices:
            disks = [Disk(path) for path in self._paths[persistent]]

        return Devices


class Disk:
    def __init__(self, source_path):
        self.source_path = source_path


def test_a_rescue_disk_that_a_domain_uses_is_not_listed_as_unused():
    instances = [servers.make_instance() for _ in range(4)]
    for instance in instances:
        utils.get_instance_path(instance).mkdir()
        utils.get_instance_path(instance, "disk.rescue").touch()
    running, defined, back, without_domain = (instance.uuid for instance in instances)
    driver = LibvirtDriver(None)
    driver.image_backend = Backend("raw")
    driver._host = Host(
        Guest(running, live=["vms/uuid_disk.rescue"]),
        Guest(defined, defined=["/instances/uuid/disk.rescue"]),
        Guest(back, live=["/instances/uuid/disk"], defined=["/instances/uuid/disk", None]),
    )
    assert driver.list_unused_rescue_disks() == {back, without_domain}
