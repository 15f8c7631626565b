"""The disks of a server in the form that a driver takes: its ``block_device_info``.

``virt.block_device.get_block_device_info`` makes it from the server's mappings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from nova_mini.volume.connection_info import ConnectionInfo


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disk:
    """``device_name``: for example ``/dev/vda``; a local disk may have none yet. ``disk_bus``: None
    for the bus that the flavor or the image names. ``tag``: the user's name for the disk."""

    device_name: str | None = None
    disk_bus: str | None = None
    tag: str | None = None

    @property
    def serial(self) -> str | None:
        """The serial number that the guest sees, if the disk has one."""
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RootDisk(Disk):
    """The local root disk. ``device_type``: disk or cdrom; None: by the image."""

    device_type: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EphemeralDisk(Disk):
    """An empty local disk. ``guest_format``: its file system; None for the default one."""

    size_gb: int
    guest_format: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SwapDisk(Disk):
    size_mb: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class VolumeDisk(Disk):
    """An attached volume. ``boot_index``: 0 for the root disk; None or negative: not bootable."""

    device_name: str
    connection_info: ConnectionInfo = dataclasses.field(repr=False)
    device_type: str | None = None
    boot_index: int | None = None

    @property
    def serial(self) -> str | None:
        return self.connection_info.get("serial")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockDeviceInfo:
    """``root``: None if the server boots from a volume. Nova calls ``volumes`` the
    ``block_device_mapping``."""

    root: RootDisk | None = None
    ephemerals: Sequence[EphemeralDisk] = ()
    swap: SwapDisk | None = None
    volumes: Sequence[VolumeDisk] = ()

    @property
    def swap_mb(self) -> int:
        """0 without a swap disk."""
        return self.swap.size_mb if self.swap else 0

    def __iter__(self) -> Iterator[Disk]:
        """All disks, local disks first."""
        local = (self.root, *self.ephemerals, self.swap)
        yield from (disk for disk in local if disk)
        yield from self.volumes
