"""Which disks an instance has, and on which bus and under which name its guest sees each."""

from __future__ import annotations

import dataclasses
import string

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt import block_device, configdrive, device_names
from nova_mini.virt.libvirt.hardware import DISK_BUSES, Hardware

_MAX_DISKS = {"ide": 4, "sata": 6}  # ports of the one controller that a domain gets by itself
_DEFAULT_MAX_DISKS = len(string.ascii_lowercase)

ROOT = "root"
LOCAL_ROOT = "disk"
SWAP = "disk.swap"
CONFIG_DRIVE = "disk.config"


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
    """``mapping``: name of the disk (its file, for a local one) -> how the guest sees it."""

    disk_bus: str
    cdrom_bus: str
    mapping: dict[str, DiskDevice]


def get_volumes(block_device_info: dict | None) -> list[dict]:
    """``[{"connection_info", "mount_device", "boot_index", "disk_bus", "device_type"}]``; in a
    ``DiskInfo`` each is named by its ``mount_device``."""
    return (block_device_info or {}).get("block_device_mapping") or []


def get_ephemerals(instance, block_device_info: dict | None) -> list[dict]:
    """``[{"size": GiB, "guest_format", "disk_bus"}]``; by the flavor where nobody chose."""
    if block_device_info is not None:
        return block_device_info.get("ephemerals") or []
    return [{"size": instance.ephemeral_gb}] if instance.ephemeral_gb else []


def get_swap_mb(instance, block_device_info: dict | None) -> int:
    if block_device_info is not None:
        return (block_device_info.get("swap") or {}).get("swap_size", 0)
    return instance.flavor.swap


def get_device_name(arch: str, instance, bdms, bdm) -> str:
    """A name for a disk more, beside the local ones and the volumes: the one that ``bdm`` asks
    for, or the first that is free on its bus; the root disk is the first of all.

    Raises DevicePathInUse, InvalidDiskInfo, UnsupportedHardware.
    """
    image_meta = ImageMeta.from_instance(instance)
    named = [
        other for other in bdms if not other.is_volume or (other.device_name and other is not bdm)
    ]
    taken = []
    if not bdm.is_root:
        layout = block_device.get_layout(instance, named)
        disk_info = get_disk_info(arch, instance, image_meta, layout)
        taken = [device.dev for device in disk_info.mapping.values()]
    hardware = Hardware(instance.flavor, image_meta)
    bus = hardware.check("disk_bus", bdm.disk_bus or hardware.disk_bus(), DISK_BUSES)
    return device_names.choose(bus, taken, bdm.device_name)


@traced
def get_disk_info(
    arch: str, instance, image_meta, block_device_info: dict | None = None
) -> DiskInfo:
    """Raises UnsupportedHardware, and InvalidDiskInfo for more disks than a bus can have."""
    hardware = Hardware(instance.flavor, image_meta)
    disk_bus, cdrom_bus = hardware.disk_bus(), hardware.cdrom_bus(arch)
    mapping: dict[str, DiskDevice] = {}

    def add(name: str, bus: str, **more) -> DiskDevice:
        hardware.check("disk_bus", bus, DISK_BUSES)
        mapping[name] = DiskDevice(bus, _next_device(mapping, bus), **more)
        return mapping[name]

    volumes = get_volumes(block_device_info)
    for volume in volumes:
        mapping[volume["mount_device"]] = _volume_device(hardware, disk_bus, volume)
    root_volume = next((v for v in volumes if v["boot_index"] == 0), None)
    if root_volume:
        root = mapping[root_volume["mount_device"]]
    else:
        root = add(LOCAL_ROOT, **_root_options(hardware, arch, image_meta, block_device_info))
    for index, ephemeral in enumerate(get_ephemerals(instance, block_device_info)):
        add(ephemeral_name(index), ephemeral.get("disk_bus") or disk_bus)
    if get_swap_mb(instance, block_device_info):
        swap = (block_device_info or {}).get("swap") or {}
        add(SWAP, swap.get("disk_bus") or disk_bus)
    if configdrive.required_by(instance, image_meta):
        add(CONFIG_DRIVE, cdrom_bus, type="cdrom")
    mapping[ROOT] = root
    return DiskInfo(disk_bus, cdrom_bus, mapping)


def name_devices(instance, disk_info: DiskInfo) -> None:
    """Let the instance (and so its metadata) tell the names that its guest sees."""
    for field, disk in (
        ("root_device_name", ROOT),
        ("default_ephemeral_device", ephemeral_name(0)),
        ("default_swap_device", SWAP),
    ):
        device = disk_info.mapping.get(disk)
        setattr(instance, field, f"/dev/{device.dev}" if device else None)


def _volume_device(hardware, disk_bus: str, volume: dict) -> DiskDevice:
    """Under the name that it was given when it was attached first, on the bus of that name."""
    dev = device_names.strip_dev(volume["mount_device"])
    bus = volume["disk_bus"] or disk_bus
    if not dev.startswith(device_names.PREFIXES.get(bus, "")):
        bus = device_names.bus_of(dev)
    hardware.check("disk_bus", bus, DISK_BUSES)
    boot_index = volume["boot_index"]
    return DiskDevice(
        bus,
        dev,
        type=volume["device_type"] or "disk",
        boot_index=boot_index + 1 if boot_index is not None and boot_index >= 0 else None,
    )


def _root_options(hardware, arch: str, image_meta, block_device_info: dict | None) -> dict:
    """What the user asked for the root disk, else the image; an ISO is a CD-ROM to boot from."""
    asked = ((block_device_info or {}).get("image") or [{}])[0]
    is_cdrom = asked.get("device_type") == "cdrom" or image_meta.disk_format == "iso"
    default_bus = hardware.cdrom_bus(arch) if is_cdrom else hardware.disk_bus()
    return {
        "bus": asked.get("disk_bus") or default_bus,
        "type": "cdrom" if is_cdrom else "disk",
        "boot_index": 1,
    }


def _next_device(mapping: dict[str, DiskDevice], bus: str) -> str:
    """The first free name on a bus; buses that share a prefix share its names."""
    prefix = device_names.PREFIXES[bus]
    on_bus = sum(device.bus == bus for device in mapping.values())
    taken = {device.dev for device in mapping.values()}
    free = [prefix + letter for letter in string.ascii_lowercase if prefix + letter not in taken]
    if not free or on_bus >= _MAX_DISKS.get(bus, _DEFAULT_MAX_DISKS):
        raise exception.InvalidDiskInfo(
            reason=f"a {bus} bus cannot have more than {on_bus} disks; ask for fewer disks or "
            "for another hw_disk_bus or hw_cdrom_bus"
        )
    return free[0]
