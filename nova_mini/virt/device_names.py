"""Names of disks as guests see them (``/dev/vdb``)."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from nova_mini import exception

if TYPE_CHECKING:
    from nova_mini.objects.block_device_mapping import BlockDeviceMapping

PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "ide": "hd"}


def strip_dev(name: str) -> str:
    return name.removeprefix("/dev/")


def bus_of(name: str) -> str:
    """The usual bus of a disk with this name."""
    return {"sd": "scsi", "hd": "ide"}.get(strip_dev(name)[:2], "virtio")


def choose(bus: str, taken: Collection[str], requested: str | None = None) -> str:
    """A free device name (``/dev/...``) on ``bus``: ``requested`` if the bus has such a name, else
    the first free one.

    ``taken``: the names in use, with or without ``/dev/``. Raises DevicePathInUse,
    InvalidDiskInfo.
    """
    taken = {strip_dev(name) for name in taken}
    prefix = PREFIXES[bus]
    names = [prefix + letter for letter in string.ascii_lowercase]
    if requested and strip_dev(requested) in names:
        if strip_dev(requested) in taken:
            raise exception.DevicePathInUse(path=requested)
        return f"/dev/{strip_dev(requested)}"
    free = [name for name in names if name not in taken]
    if not free:
        raise exception.InvalidDiskInfo(
            reason=f"the server cannot have more than {len(names)} disks on its {bus} bus"
        )
    return f"/dev/{free[0]}"


def next_name(bdms: Iterable[BlockDeviceMapping], bdm: BlockDeviceMapping) -> str:
    """A device name for the disk ``bdm``, one of a server's ``bdms``.

    Local disks are taken to be virtio and get the first names; the root disk has the very first.
    Raises DevicePathInUse, InvalidDiskInfo.
    """
    bus = bdm.disk_bus or "virtio"
    if bus not in PREFIXES:
        raise exception.InvalidDiskInfo(
            reason=f"disk_bus {bus} must be one of {', '.join(PREFIXES)}"
        )
    others = [other for other in bdms if other is not bdm]
    taken = [other.device_name for other in others if other.is_volume and other.device_name]
    if not bdm.is_root:
        for _ in (other for other in others if not other.is_volume):
            taken.append(choose("virtio", taken))
    return choose(bus, taken, bdm.device_name)
