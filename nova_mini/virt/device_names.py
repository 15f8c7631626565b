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
    """The usual bus of disks with such a name."""
    return {"sd": "scsi", "hd": "ide"}.get(strip_dev(name)[:2], "virtio")


def choose(bus: str, taken: Collection[str], wanted: str | None = None) -> str:
    """A free name on ``bus`` with ``/dev/``: ``wanted`` if it is one of that bus, else the first.

    ``taken`` with or without ``/dev/``. Raises DevicePathInUse, InvalidDiskInfo.
    """
    taken = {strip_dev(name) for name in taken}
    prefix = PREFIXES[bus]
    names = [prefix + letter for letter in string.ascii_lowercase]
    if wanted and strip_dev(wanted) in names:
        if strip_dev(wanted) in taken:
            raise exception.DevicePathInUse(path=wanted)
        return f"/dev/{strip_dev(wanted)}"
    free = [name for name in names if name not in taken]
    if not free:
        raise exception.InvalidDiskInfo(
            reason=f"the server cannot have more than {len(names)} disks on its {bus} bus"
        )
    return f"/dev/{free[0]}"


def next_name(bdms: Iterable[BlockDeviceMapping], bdm: BlockDeviceMapping) -> str:
    """For ``bdm`` beside the others of a server, on hypervisors whose local disks are virtio and
    come first. The root disk is the first of all."""
    bus = bdm.disk_bus or "virtio"
    if bus not in PREFIXES:
        raise exception.InvalidDiskInfo(reason=f"{bus} is none of {', '.join(PREFIXES)}")
    others = [other for other in bdms if other is not bdm]
    taken = [other.device_name for other in others if other.is_volume and other.device_name]
    if not bdm.is_root:
        for _ in (other for other in others if not other.is_volume):
            taken.append(choose("virtio", taken))
    return choose(bus, taken, bdm.device_name)
