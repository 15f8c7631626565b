"""Rescue mode: the guest boots from a rescue disk, with its own disks beside it.

The rescue disk is the first of its files and disks to be made and the last to be removed: as long
as anything is left, the rescue disk is there.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from nova_mini.guest_options import rescue_options
from nova_mini.guest_options.choices import DISK_BUSES
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt import configdrive, private_files
from nova_mini.virt.block_device_info import BlockDeviceInfo
from nova_mini.virt.libvirt import blockinfo, boot_files, disks, utils
from nova_mini.virt.libvirt.blockinfo import DiskDevice, DiskInfo
from nova_mini.virt.libvirt.guest_config import BootFiles
from nova_mini.virt.libvirt.hardware import Hardware

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.guest import Guest
    from nova_mini.virt.libvirt.imagebackend.file import Backend

_SUFFIX = ".rescue"
_BUS_PROPERTIES = ("hw_disk_bus", "hw_cdrom_bus")


@dataclasses.dataclass(frozen=True)
class RescueLayout:
    """``image_id``: the image of the rescue disk. ``image_meta``: the image that describes the
    hardware of the guest. ``block_device_info``: those of the instance's disks that the guest has
    in addition to its local root disk."""

    image_id: str
    disk_info: DiskInfo
    image_meta: ImageMeta
    block_device_info: BlockDeviceInfo
    boot: BootFiles


def get_layout(
    arch: str, instance: Instance, rescue_image: ImageMeta, block_device_info: BlockDeviceInfo
) -> RescueLayout:
    """How the guest is rescued with an image. Raises UnsupportedHardware, InvalidDiskInfo."""
    if rescue_image.id is None:
        raise ValueError("the rescue image has no id")
    image_id, properties = rescue_image.id, rescue_image.properties
    own_image = ImageMeta.from_instance(instance)
    boot = BootFiles(
        properties.get("kernel_id"),
        properties.get("ramdisk_id"),
        properties.get("os_command_line"),
        _SUFFIX,
    )
    if rescue_options.is_stable(properties):
        disk_info = _stable_disks(arch, instance, own_image, rescue_image, block_device_info)
        return RescueLayout(image_id, disk_info, own_image, block_device_info, boot)
    disk_info = _two_disks(arch, instance, own_image, rescue_image, block_device_info)
    return RescueLayout(image_id, disk_info, rescue_image, BlockDeviceInfo(), boot)


def _two_disks(arch, instance, own_image, rescue_image, block_device_info) -> DiskInfo:
    """The rescue disk as the first disk, and the instance's root disk as the second."""
    hardware = Hardware(instance.flavor, rescue_image)
    disk_bus, cdrom_bus = hardware.disk_bus(), hardware.cdrom_bus(arch)
    mapping: dict[str, DiskDevice] = {}

    def add(name: str, bus: str, **more) -> None:
        mapping[name] = DiskDevice(bus, blockinfo.next_device(mapping, bus), **more)

    add(blockinfo.RESCUE, **blockinfo.root_options(hardware, arch, rescue_image, None))
    own_type = blockinfo.root_options(hardware, arch, own_image, block_device_info.root)["type"]
    own_bus = cdrom_bus if own_type == "cdrom" else disk_bus
    add(blockinfo.LOCAL_ROOT, own_bus, type=own_type)
    if _needs_config_drive(instance, own_image, rescue_image):
        add(blockinfo.RESCUE_CONFIG_DRIVE, cdrom_bus, type="cdrom")
    mapping[blockinfo.ROOT] = mapping[blockinfo.RESCUE]
    return DiskInfo(disk_bus, cdrom_bus, mapping)


def _needs_config_drive(instance, *images: ImageMeta) -> bool:
    return any(configdrive.required_by(instance, image) for image in images)


def _stable_disks(arch, instance, own_image, rescue_image, block_device_info) -> DiskInfo:
    """All disks of the instance in their places, and the rescue disk, from which the guest boots.
    The config drive is another one, in the place of the instance's."""
    own = blockinfo.get_disk_info(arch, instance, own_image, block_device_info)
    renamed = {blockinfo.CONFIG_DRIVE: blockinfo.RESCUE_CONFIG_DRIVE}
    mapping = {
        renamed.get(name, name): dataclasses.replace(device, boot_index=None)
        for name, device in own.mapping.items()
    }
    device_type = rescue_image.properties.get(rescue_options.DEVICE, "disk")
    Hardware.check(rescue_options.DEVICE, device_type, rescue_options.DEVICES)
    bus = _rescue_bus(arch, instance, own_image, rescue_image, device_type)
    mapping[blockinfo.RESCUE] = DiskDevice(
        bus, blockinfo.next_device(mapping, bus), type=device_type, boot_index=1
    )
    mapping[blockinfo.ROOT] = mapping[blockinfo.RESCUE]
    return dataclasses.replace(own, mapping=mapping)


def _rescue_bus(arch, instance, own_image, rescue_image, device_type: str) -> str:
    """The bus that the rescue image requests; else the usual one for such devices."""
    requested = rescue_image.properties.get(rescue_options.BUS)
    if requested:
        return Hardware.check(rescue_options.BUS, requested, DISK_BUSES)
    buses = {
        name: rescue_image.properties[name]
        for name in _BUS_PROPERTIES
        if name in rescue_image.properties
    }
    merged = dataclasses.replace(own_image, properties={**own_image.properties, **buses})
    hardware = Hardware(instance.flavor, merged)
    return hardware.cdrom_bus(arch) if device_type == "cdrom" else hardware.disk_bus()


# -- disks and files -----------------------------------------------------------------------------


@traced("rescue.create_disks")
def create_disks(
    context: RequestContext,
    image_api: glance.API,
    instance: Instance,
    backend: Backend,
    layout: RescueLayout,
    injection_info: disks.InjectionInfo,
) -> None:
    """Make the rescue disk from an image, and what belongs to it. The API has checked that the user
    may use these images."""
    private_files.make_folder(utils.get_instance_path(instance))
    disk = backend.by_name(instance, blockinfo.RESCUE)
    disks.make_from_image(context, image_api, instance, disk, layout.image_id, injection_info)
    boot_files.copy(context, image_api, instance, layout.boot)
    if blockinfo.RESCUE_CONFIG_DRIVE in layout.disk_info.mapping:
        disks.create_config_drive(
            instance,
            backend,
            injection_info,
            layout.block_device_info,
            name=blockinfo.RESCUE_CONFIG_DRIVE,
        )


@traced("rescue.remove_disks")
def remove_disks(instance: Instance, backend: Backend) -> None:
    """Remove the rescue disk and what belongs to it. No guest may use it. Idempotent."""
    files = BootFiles(suffix=_SUFFIX)
    for name in (files.kernel, files.ramdisk):
        utils.get_instance_path(instance, name).unlink(missing_ok=True)
    backend.by_name(instance, blockinfo.RESCUE_CONFIG_DRIVE).remove()
    backend.by_name(instance, blockinfo.RESCUE).remove()


def list_owners(backend: Backend) -> set[str]:
    """Uuids of the instances that have a rescue disk; in shared storage, those of all hosts."""
    files = utils.instances_path().glob(f"*/{blockinfo.RESCUE}")
    return backend.list_owners_of(blockinfo.RESCUE) | {path.parent.name for path in files}


def is_used_by(guest: Guest, persistent: bool = False) -> bool:
    """Whether the running domain or, with ``persistent``, its definition has the rescue disk."""
    paths = (disk.source_path or "" for disk in guest.get_devices(persistent).disks)
    return any(path.endswith((f"/{blockinfo.RESCUE}", f"_{blockinfo.RESCUE}")) for path in paths)
