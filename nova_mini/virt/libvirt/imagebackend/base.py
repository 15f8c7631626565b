"""The base class of disks, and what the backends share."""

from __future__ import annotations

import abc
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from oslo_utils import uuidutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.virt import private_files
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk, Place

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance


class Image(abc.ABC):
    """One disk of one instance. ``size`` is in bytes; None or 0: the size of the base.

    ``finish(path, driver_format)``, if set, is called for a new disk on this host that was made
    from an image, before the disk gets its final name.
    """

    SUPPORTS_CLONE = False  # whether a disk can be cloned from the image's data in Glance's storage
    driver_format: str
    finish: Callable[[pathlib.Path, str], None] | None = None

    def __init__(self, instance, disk_name: str):
        self.disk_name = disk_name
        self.path = utils.get_instance_path(instance, disk_name)

    @property
    @abc.abstractmethod
    def place(self) -> Place:
        """Type, protocol and path of the disk, as in a domain's definition."""

    @property
    def needs_base(self) -> bool:
        """Whether the disk refers to the file that it was made from."""
        return False

    @abc.abstractmethod
    def exists(self) -> bool:
        """Whether the disk exists and is complete."""

    def clone(
        self, context: RequestContext, image_api: glance.API, image_id: str, size: int
    ) -> None:
        """Make the disk from the image's data in Glance's storage, without a copy. Raises
        ImageUnacceptable if that is not possible, as for all disks without SUPPORTS_CLONE."""
        raise exception.ImageUnacceptable(
            image_id=image_id, reason="disks of this kind are not cloned"
        )

    def cache(
        self,
        fetch_func: Callable[[pathlib.Path], None],
        filename: str,
        size: int | None = None,
    ) -> None:
        """Make this disk from the cached file ``filename``. If that file does not exist,
        ``fetch_func(path)`` makes it. An existing disk is kept, but a missing base of it is made.

        The lock is held until the disk refers to the base or is a copy of it, so that the base is
        not removed in between. Raises FlavorDiskSmallerThanImage.
        """
        base = utils.get_cache_path(filename)
        private_files.make_folder(base.parent)
        with utils.cache_lock(filename):
            if self.exists() and not self.needs_base:
                return
            if not base.exists():
                fetch_func(base)
            os.utime(base)  # the image cache removes files by age
            if not self.exists():
                self.create_image(base, size)

    @traced("Image.create_image")
    def create_image(self, base: pathlib.Path, size: int | None) -> None:
        self.verify_base_size(base, size)
        self._create(base, size)

    def verify_base_size(self, base: pathlib.Path, size: int | None) -> None:
        """Raises FlavorDiskSmallerThanImage."""
        check_base_size(base, size)

    @abc.abstractmethod
    def _create(self, base: pathlib.Path, size: int | None) -> None:
        """Make the disk, which does not exist, from a file whose size was checked."""

    @abc.abstractmethod
    def remove(self) -> None:
        """Remove the disk. No guest may use it. Idempotent."""

    def flatten(self) -> None:  # noqa: B027
        """Make the disk independent of its base. No guest may use it. Idempotent."""

    @abc.abstractmethod
    def get_disk_size(self) -> int: ...

    @abc.abstractmethod
    def resize_image(self, size: int) -> None:
        """Grow a disk that no guest uses; a smaller ``size`` is ignored."""

    # -- for a resize that may be reverted. No guest uses the disk. All are idempotent.

    @abc.abstractmethod
    def keep_for_revert(self) -> None:
        """Keep the present content and size for :meth:`revert`; kept ones of before are replaced.
        Not for disks of a backend that is not ``is_resizable``."""

    @abc.abstractmethod
    def revert(self) -> None:
        """Bring back what was kept; without it, do nothing."""

    @abc.abstractmethod
    def discard_revert_copy(self) -> None:
        """Remove what was kept. A guest may use the disk."""

    @abc.abstractmethod
    def rename(self, other: Image) -> None:
        """Give the disk, which exists, the name of another one, which does not. Not for disks of a
        backend that is not ``is_resizable``."""

    @abc.abstractmethod
    def snapshot_extract(self, target: pathlib.Path, out_format: str) -> None:
        """Write a copy without a base. No guest may use the disk."""

    def libvirt_info(
        self, device: DiskDevice, iotune: dict[str, int] | None = None
    ) -> LibvirtConfigGuestDisk:
        return LibvirtConfigGuestDisk(
            **self._access(),
            source_type=self.place[0],
            source_protocol=self.place[1],
            source_path=self.place[2],
            target_dev=device.dev,
            target_bus=device.bus,
            source_device=device.type,
            driver_format=self.driver_format,
            readonly=device.type == "cdrom",
            boot_order=device.boot_index,
            iotune=iotune or {},
            driver_discard=None if device.type == "cdrom" else CONF.libvirt.hw_disk_discard,
        )

    @abc.abstractmethod
    def _access(self) -> dict:
        """The other fields of LibvirtConfigGuestDisk: cache mode, hosts, secret."""


class WritableImage(Image):
    """A disk that can be made from a file without a copy in the image cache: a config drive."""

    @abc.abstractmethod
    def create_from(self, write: Callable[[pathlib.Path], None]) -> None:
        """Make the disk from a raw file that ``write(path)`` makes; ``write`` leaves no incomplete
        file."""


def check_base_size(base: pathlib.Path, size: int | None) -> None:
    """Raises FlavorDiskSmallerThanImage if a cached image does not fit into ``size`` bytes (None or
    0: any size)."""
    base_size = utils.get_disk_size(base, utils.get_base_format(base))
    if size and base_size > size:
        raise exception.FlavorDiskSmallerThanImage(flavor_size=size, image_size=base_size)


@dataclasses.dataclass(frozen=True)
class Storage:
    """Storage for disks that are not files. ``total`` and ``free`` are in bytes. ``pool``: the name
    of storage that several hosts share, the same on all of them; None for storage of one host.
    ``client_addresses``: IP addresses of this host as the storage sees them."""

    pool: str | None
    total: int
    free: int
    client_addresses: tuple[str, ...] = ()


def owner_of(name: str) -> str | None:
    """Uuid of the instance to which a logical volume or an image in Ceph belongs, by its name; None
    for another name."""
    uuid, mark, _ = name.partition("_")
    return uuid if mark and uuidutils.is_uuid_like(uuid) else None


def owners_of(disk_name: str, names: Iterable[str]) -> set[str]:
    """Uuids of the instances with a disk ``disk_name`` among logical volumes or images in Ceph."""
    found = (name.removesuffix(f"_{disk_name}") for name in names)
    return {uuid for uuid in found if uuidutils.is_uuid_like(uuid)}
