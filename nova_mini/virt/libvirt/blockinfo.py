"""Which disks an instance has, and on which bus and with which name the guest sees each."""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nova_mini import exception
from nova_mini.guest_options.choices import DEVICE_TYPES, DISK_BUSES
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt import block_device, configdrive, device_names
from nova_mini.virt.block_device_info import BlockDeviceInfo, EphemeralDisk, RootDisk, SwapDisk
from nova_mini.virt.libvirt.hardware import Hardware

if TYPE_CHECKING:
    from nova_mini.objects.block_device_mapping import BlockDeviceMapping
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import VolumeDisk

_MAX_DISKS = {"ide": 4, "sata": 6}  # ports of the one controller that libvirt adds to a domain
_DEFAULT_MAX_DISKS = len(string.ascii_lowercase)

ROOT = "root"
LOCAL_ROOT = "disk"
SWAP = "disk.swap"
OLD_SWAP = "disk.swap.before_resize"
CONFIG_DRIVE = "disk.config"
RESCUE = "disk.rescue"
RESCUE_CONFIG_DRIVE = "disk.config.rescue"
CONFIG_DRIVES = frozenset({CONFIG_DRIVE, RESCUE_CONFIG_DRIVE})


def ephemeral_name(index: int) -> str:
    return f"disk.eph{index}"


@dataclasses.dataclass(frozen=True)
class DiskDevice:
    """``dev`` is the guest's name without ``/dev/``; ``boot_index`` counts from 1."""

    bus: str
    dev: str
    type: str = "disk"  # or "cdrom"
    boot_index: int | None = None


@dataclasses.dataclass(frozen=True)
class DiskInfo:
    """``mapping``: name of a disk (of a local disk: its file name) -> its device in the guest."""

    disk_bus: str
    cdrom_bus: str
    mapping: dict[str, DiskDevice]


def disks_of_flavor(instance: Instance) -> BlockDeviceInfo:
    """The disks of a server whose user has not requested any."""
    flavor = instance.flavor
    return BlockDeviceInfo(
        ephemerals=[EphemeralDisk(size_gb=instance.ephemeral_gb)] if instance.ephemeral_gb else [],
        swap=SwapDisk(size_mb=flavor.swap) if flavor.swap else None,
    )


def get_device_name(
    arch: str, instance: Instance, bdms: Iterable[BlockDeviceMapping], bdm: BlockDeviceMapping
) -> str:
    """A device name for the new disk ``bdm``, one of a server's ``bdms``: the requested name, or
    the first free one on its bus. The root disk has the very first name.

    Raises DevicePathInUse, InvalidDiskInfo, UnsupportedHardware.
    """
    image_meta = ImageMeta.from_instance(instance)
    named = [
        other for other in bdms if not other.is_volume or (other.device_name and other is not bdm)
    ]
    taken = []
    if not bdm.is_root:
        layout = block_device.get_layout(named)
        disk_info = get_disk_info(arch, instance, image_meta, layout)
        taken = [device.dev for device in disk_info.mapping.values()]
    hardware = Hardware(instance.flavor, image_meta)
    bus = hardware.check("disk_bus", bdm.disk_bus or hardware.disk_bus(), DISK_BUSES)
    return device_names.choose(bus, taken, bdm.device_name)


@traced("get_disk_info")
def get_disk_info(
    arch: str, instance: Instance, image_meta: ImageMeta, block_device_info: BlockDeviceInfo
) -> DiskInfo:
    """The disks of an instance with their devices. Raises UnsupportedHardware, and InvalidDiskInfo
    for more disks than a bus can have."""
    hardware = Hardware(instance.flavor, image_meta)
    disk_bus, cdrom_bus = hardware.disk_bus(), hardware.cdrom_bus(arch)
    mapping: dict[str, DiskDevice] = {}

    def add(name: str, bus: str, **more) -> DiskDevice:
        hardware.check("disk_bus", bus, DISK_BUSES)
        mapping[name] = DiskDevice(bus, next_device(mapping, bus), **more)
        return mapping[name]

    for volume in block_device_info.volumes:
        mapping[volume.device_name] = _volume_device(hardware, disk_bus, volume)
    root_volume = next((v for v in block_device_info.volumes if v.boot_index == 0), None)
    if root_volume:
        root = mapping[root_volume.device_name]
    else:
        root = add(LOCAL_ROOT, **root_options(hardware, arch, image_meta, block_device_info.root))
    for index, ephemeral in enumerate(block_device_info.ephemerals):
        add(ephemeral_name(index), ephemeral.disk_bus or disk_bus)
    if block_device_info.swap and block_device_info.swap.size_mb:
        add(SWAP, block_device_info.swap.disk_bus or disk_bus)
    if configdrive.required_by(instance, image_meta):
        add(CONFIG_DRIVE, cdrom_bus, type="cdrom")
    mapping[ROOT] = root
    return DiskInfo(disk_bus, cdrom_bus, mapping)


def name_devices(instance: Instance, disk_info: DiskInfo) -> None:
    """Set the device name fields of the instance, which its metadata shows to the guest."""
    for field, disk in (
        ("root_device_name", ROOT),
        ("default_ephemeral_device", ephemeral_name(0)),
        ("default_swap_device", SWAP),
    ):
        device = disk_info.mapping.get(disk)
        setattr(instance, field, f"/dev/{device.dev}" if device else None)


def _volume_device(hardware: Hardware, disk_bus: str, volume: VolumeDisk) -> DiskDevice:
    """The device of a volume: its stored name, on a bus that has such names."""
    dev = device_names.strip_dev(volume.device_name)
    bus = volume.disk_bus or disk_bus
    if not dev.startswith(device_names.PREFIXES.get(bus, "")):
        bus = device_names.bus_of(dev)
    hardware.check("disk_bus", bus, DISK_BUSES)
    boot_index = volume.boot_index
    return DiskDevice(
        bus,
        dev,
        type=hardware.check("device_type", volume.device_type or "disk", DEVICE_TYPES),
        boot_index=boot_index + 1 if boot_index is not None and boot_index >= 0 else None,
    )


def root_options(
    hardware: Hardware, arch: str, image_meta: ImageMeta, requested: RootDisk | None
) -> dict[str, Any]:
    """Bus and type of the root disk: as the user requested, else by the image. An ISO image is a
    CD-ROM."""
    requested = requested or RootDisk()
    is_cdrom = requested.device_type == "cdrom" or image_meta.disk_format == "iso"
    default_bus = hardware.cdrom_bus(arch) if is_cdrom else hardware.disk_bus()
    return {
        "bus": requested.disk_bus or default_bus,
        "type": "cdrom" if is_cdrom else "disk",
        "boot_index": 1,
    }


def next_device(mapping: dict[str, DiskDevice], bus: str) -> str:
    """The first free name on a bus. Buses with the same prefix share the names."""
    prefix = device_names.PREFIXES[bus]
    on_bus = sum(device.bus == bus for device in mapping.values())
    taken = {device.dev for device in mapping.values()}
    free = [prefix + letter for letter in string.ascii_lowercase if prefix + letter not in taken]
    if not free or on_bus >= _MAX_DISKS.get(bus, _DEFAULT_MAX_DISKS):
        raise exception.InvalidDiskInfo(
            reason=f"a {bus} bus cannot have more than {on_bus} disks; request fewer disks or "
            "another hw_disk_bus or hw_cdrom_bus"
        )
    return free[0]
