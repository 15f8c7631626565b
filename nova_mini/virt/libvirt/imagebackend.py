"""How the disks of instances are kept: files or logical volumes of this host, or images in Ceph.

Every disk is made under another name, or with a mark on it, until it is whole: so a disk that is
there is a disk that can be used, whatever was killed before.
"""

from __future__ import annotations

import abc
import dataclasses
import os
import pathlib
from collections.abc import Callable

from oslo_concurrency import processutils
from oslo_utils import uuidutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.virt import images
from nova_mini.virt.libvirt import blockinfo, utils
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk, Place
from nova_mini.virt.libvirt.secrets import Secrets


class Image(abc.ABC):
    """One disk of one instance; ``size`` is always in bytes, None or 0 for that of the base.

    ``finish(path, driver_format)``, where it is set, is called for a disk on this host that is made
    of an image, before anybody else can see it.
    """

    SUPPORTS_CLONE = False  # whether a disk can be made from Glance's copy without fetching it
    needs_base = False  # whether the disk refers to the file that it was made from
    driver_format: str
    finish: Callable[[pathlib.Path, str], None] | None = None

    def __init__(self, instance, disk_name: str):
        self.disk_name = disk_name
        self.path = utils.get_instance_path(instance) / disk_name

    @property
    @abc.abstractmethod
    def place(self) -> Place:
        """Where a guest finds it."""

    @abc.abstractmethod
    def exists(self) -> bool:
        """Whether it is there, whole."""

    def cache(
        self,
        fetch_func: Callable[[pathlib.Path], None],
        filename: str,
        size: int | None = None,
    ) -> None:
        """Make this disk from the cached file ``filename``, which ``fetch_func(path)`` makes first
        if it is not there. A disk that is there already is kept, and its base is seen to.

        The lock is held until the disk refers to the base or has copied it, so that nobody
        removes the base in between. Raises FlavorDiskSmallerThanImage.
        """
        base = utils.base_dir() / filename
        base.parent.mkdir(parents=True, exist_ok=True)
        with utils.cache_lock(filename):
            if self.exists() and not self.needs_base:
                return
            if not base.exists():
                fetch_func(base)
            os.utime(base)  # for the image cache: used now
            if not self.exists():
                self.create_image(base, size)

    @traced
    def create_image(self, base: pathlib.Path, size: int | None) -> None:
        self.verify_base_size(base, size)
        self._create(base, size)

    @staticmethod
    def verify_base_size(base: pathlib.Path, size: int | None) -> None:
        """Raises FlavorDiskSmallerThanImage."""
        base_size = utils.get_disk_size(base, utils.get_base_format(base))
        if size and base_size > size:
            raise exception.FlavorDiskSmallerThanImage(flavor_size=size, image_size=base_size)

    @abc.abstractmethod
    def _create(self, base: pathlib.Path, size: int | None) -> None:
        """Make the disk, which is not there, from a file that is small enough."""

    def flatten(self) -> None:  # noqa: B027
        """Stand alone, without what it was made from. No guest uses it; alone already is fine."""

    @abc.abstractmethod
    def get_disk_size(self) -> int: ...

    @abc.abstractmethod
    def resize_image(self, size: int) -> None:
        """Grow a disk that no guest uses; a smaller size changes nothing."""

    @abc.abstractmethod
    def snapshot_extract(self, target: pathlib.Path, out_format: str) -> None:
        """Write a flattened copy of a disk that no guest uses."""

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
        )

    @abc.abstractmethod
    def _access(self) -> dict:
        """What else of how a guest reaches it, as fields of LibvirtConfigGuestDisk."""


class FileImage(Image):
    """A file in the instance's folder."""

    @property
    def place(self):
        return "file", None, str(self.path)

    def exists(self):
        return self.path.exists()

    def _create(self, base, size):
        part = self.path.with_name(self.disk_name + ".part")
        part.unlink(missing_ok=True)
        self._write(base, part, size)
        if self.finish:
            self.finish(part, self.driver_format)
        if CONF.preallocate_images == "space":
            self._preallocate(part)
        images.publish(part, self.path)

    @abc.abstractmethod
    def _write(self, base: pathlib.Path, path: pathlib.Path, size: int | None) -> None:
        """Make the disk at ``path``."""

    def _preallocate(self, path: pathlib.Path) -> None:
        size = utils.get_disk_size(path, self.driver_format)
        processutils.execute("fallocate", "-n", "-l", str(size), str(path))

    def create_from(self, write: Callable[[pathlib.Path], None]) -> None:
        """Make the disk from a raw file that ``write(path)`` makes, whole or not at all."""
        write(self.path)

    def get_disk_size(self):
        return utils.get_disk_size(self.path, self.driver_format)

    def resize_image(self, size):
        if size > self.get_disk_size():
            images.qemu_img("resize", "-f", self.driver_format, str(self.path), str(size))

    def snapshot_extract(self, target, out_format):
        images.qemu_img(
            "convert", "-f", self.driver_format, "-O", out_format, str(self.path), str(target)
        )

    def _access(self):
        return {"driver_cache": _cache_mode()}


def _cache_mode() -> str:
    """Past the host's page cache where its file system can; flushes of the guest count anyway."""
    return "none" if utils.supports_direct_io(utils.instances_path()) else "writeback"


class Qcow2(FileImage):
    """An overlay: instant to make, as large as what its guest has written."""

    driver_format = "qcow2"

    @property
    def needs_base(self):
        return utils.find_backing_file(self.path) is not None

    def _write(self, base, path, size):
        options = ["-f", "qcow2", "-F", utils.get_base_format(base), "-b", str(base)]
        images.qemu_img("create", "-q", *options, str(path), *([str(size)] if size else []))

    def flatten(self):
        if self.needs_base:
            images.qemu_img("rebase", "-f", "qcow2", "-b", "", str(self.path))


class Flat(FileImage):
    """A raw file of its own: nothing stands between the guest and the host's file system."""

    driver_format = "raw"

    def _write(self, base, path, size):
        if utils.get_base_format(base) == "raw":
            processutils.execute("cp", "--sparse=always", "--reflink=auto", str(base), str(path))
        else:
            images.qemu_img("convert", "-f", "qcow2", "-O", "raw", str(base), str(path))
        if size:
            os.truncate(path, size)


@dataclasses.dataclass(frozen=True)
class Storage:
    """Where disks are that are no files; sizes are in bytes. ``pool`` is the name of one that
    several hosts have together, the same on each of them."""

    pool: str | None
    total: int
    free: int


class Backend:
    """Makes :class:`Image` objects of the kind that ``[libvirt] images_type`` names; this one,
    those that are files."""

    is_shared = False  # whether other hosts see the same disks
    _BACKENDS = {"default": Qcow2, "qcow2": Qcow2, "raw": Flat, "flat": Flat}

    def __init__(self, images_type: str):
        self._image_class = self._BACKENDS[images_type]

    def by_name(self, instance, disk_name: str) -> Image:
        image_class = Flat if disk_name == blockinfo.CONFIG_DRIVE else self._image_class
        return image_class(instance, disk_name)

    def can_clone(self, context, image_api, image_id: str) -> bool:
        """Whether disks are made of Glance's own copy of an image."""
        return False

    def init_host(self) -> None:
        """For a driver that starts. Raises ConfigurationError for disks that cannot be."""

    def get_storage(self) -> Storage | None:
        """None: disks are in files of this host."""
        return None

    def remove_disks(self, instance_uuid: str) -> None:
        """All that is not in the instance's folder."""

    def list_local_owners(self) -> set[str]:
        """Uuids of the instances that have disks on this host beside their folders."""
        return set()

    def discard_copy(self, context, image_api, image_id: str, base_image_id: str) -> None:
        """See ``ComputeDriver.discard_copy``."""

    def list_shared_owners(self) -> set[str]:
        """Uuids of the instances that have disks in the shared storage, of whatever host."""
        return set()

    def list_interrupted(self) -> dict[str, list[str]]:
        """Uuid -> names in the shared storage under which some process began to make a disk, or to
        remove one, and this process does not now."""
        return {}

    def remove_interrupted(self, name: str) -> None:
        """One of :meth:`list_interrupted`, of which there is none without a shared storage."""


def load_backend(images_type: str, secrets: Secrets) -> Backend:
    """Ceph's libraries are loaded only where its disks are. Raises ConfigurationError."""
    if images_type == "lvm":
        from nova_mini.virt.libvirt.imagebackend_lvm import LvmBackend

        return LvmBackend()
    if images_type != "rbd":
        return Backend(images_type)
    try:
        from nova_mini.virt.libvirt.imagebackend_rbd import RbdBackend
    except ImportError as exc:
        raise exception.ConfigurationError(
            f"images_type=rbd needs the python modules rbd and rados of this host's Ceph: {exc}"
        ) from exc
    return RbdBackend(secrets)


def owner_of(name: str) -> str | None:
    """Uuid of the instance whose disk it is, going by a name outside the instance's folder."""
    uuid, mark, _ = name.partition("_")
    return uuid if mark and uuidutils.is_uuid_like(uuid) else None
