"""Disks in files: qcow2 with a shared base, or raw."""

from __future__ import annotations

import abc
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from oslo_concurrency import processutils

from nova_mini.conf import CONF
from nova_mini.virt import images, private_files
from nova_mini.virt.libvirt import blockinfo, utils
from nova_mini.virt.libvirt.config_devices import Place
from nova_mini.virt.libvirt.imagebackend.base import Image, Storage, WritableImage

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.guest import Guest

_UNFINISHED = ".part"


class FileImage(WritableImage):
    """A file in the instance's folder."""

    @property
    def place(self) -> Place:
        return "file", None, str(self.path)

    def exists(self) -> bool:
        return self.path.exists()

    @property
    def _unfinished(self) -> pathlib.Path:
        return self.path.with_name(self.disk_name + _UNFINISHED)

    def _create(self, base, size):
        part = private_files.prepare(self._unfinished)
        self._write(base, part, size)
        if self.finish:
            self.finish(part, self.driver_format)
        self._complete(part)

    def create_empty(self, size: int) -> None:
        """Make the disk without a base and without data: those of a running guest are copied into
        it. ``size``: in bytes."""
        part = private_files.prepare(self._unfinished)
        self._write_empty(part, size)
        self._complete(part)

    def _complete(self, part: pathlib.Path) -> None:
        if CONF.preallocate_images == "space":
            self._preallocate(part)
        images.publish(part, self.path)

    @abc.abstractmethod
    def _write(self, base: pathlib.Path, path: pathlib.Path, size: int | None) -> None:
        """Write the disk into the empty file ``path``."""

    @abc.abstractmethod
    def _write_empty(self, path: pathlib.Path, size: int) -> None:
        """Write a disk without data into the empty file ``path``."""

    def _preallocate(self, path: pathlib.Path) -> None:
        size = utils.get_disk_size(path, self.driver_format)
        processutils.execute("fallocate", "-n", "-l", str(size), str(path))

    def remove(self) -> None:
        for name in (self.disk_name, self.disk_name + _UNFINISHED):
            self.path.with_name(name).unlink(missing_ok=True)

    def create_from(self, write: Callable[[pathlib.Path], None]) -> None:
        write(self.path)

    def get_disk_size(self) -> int:
        return utils.get_disk_size(self.path, self.driver_format)

    def resize_image(self, size: int) -> None:
        if size > self.get_disk_size():
            images.qemu_img("resize", "-f", self.driver_format, str(self.path), str(size))

    @property
    def _kept(self) -> pathlib.Path:
        return self.path.with_name(self.disk_name + ".before_resize")

    def keep_for_revert(self) -> None:
        part = private_files.prepare(self.path.with_name(self.disk_name + ".part"))
        copy = ["cp", "--sparse=always", "--reflink=auto", str(self.path), str(part)]
        processutils.execute(*copy)
        images.publish(part, self._kept)

    def revert(self) -> None:
        if self._kept.exists():
            images.publish(self._kept, self.path)

    def discard_revert_copy(self) -> None:
        self._kept.unlink(missing_ok=True)

    def rename(self, other: Image) -> None:
        os.rename(self.path, other.path)
        images.fsync(self.path.parent)

    def snapshot_extract(self, target: pathlib.Path, out_format: str) -> None:
        images.qemu_img(
            "convert", "-f", self.driver_format, "-O", out_format, str(self.path), str(target)
        )

    def _access(self):
        return {"driver_cache": _cache_mode()}


def _cache_mode() -> str:
    """Without the host's page cache if its file system supports that. Flushes of the guest reach
    the disk in both modes."""
    return "none" if utils.supports_direct_io(utils.instances_path()) else "writeback"


class Qcow2(FileImage):
    """An overlay of the base: made at once, and it holds only what the guest has written."""

    driver_format = "qcow2"

    @property
    def needs_base(self) -> bool:
        return utils.find_backing_file(self.path) is not None

    def _write(self, base, path, size):
        options = ["-f", "qcow2", "-F", utils.get_base_format(base), "-b", str(base)]
        images.qemu_img("create", "-q", *options, str(path), *([str(size)] if size else []))

    def _write_empty(self, path, size):
        images.qemu_img("create", "-q", "-f", "qcow2", str(path), str(size))

    def flatten(self) -> None:
        if self.needs_base:
            images.qemu_img("rebase", "-f", "qcow2", "-b", "", str(self.path))


class Flat(FileImage):
    """A raw file, a copy of the base."""

    driver_format = "raw"

    def _write(self, base, path, size):
        if utils.get_base_format(base) == "raw":
            processutils.execute("cp", "--sparse=always", "--reflink=auto", str(base), str(path))
        else:
            images.qemu_img("convert", "-f", "qcow2", "-O", "raw", str(base), str(path))
        if size:
            os.truncate(path, size)

    def _write_empty(self, path, size):
        os.truncate(path, size)


class Backend:
    """Makes the :class:`Image` objects for ``[libvirt] images_type``. This class is for disks in
    files; subclasses are for the others."""

    is_shared = False  # whether other hosts see the same disks
    is_resizable = True  # whether disks can be resized and moved, and both can be reverted
    _BACKENDS: Mapping[str, type[FileImage]] = {
        "default": Qcow2,
        "qcow2": Qcow2,
        "raw": Flat,
        "flat": Flat,
    }

    def __init__(self, images_type: str):
        self._image_class = self._BACKENDS[images_type]

    def by_name(self, instance: Instance | Guest, disk_name: str) -> Image:
        if disk_name in blockinfo.CONFIG_DRIVES:
            return self.config_drive(instance, disk_name)
        return self._image_class(instance, disk_name)

    def config_drive(
        self, instance: Instance | Guest, disk_name: str = blockinfo.CONFIG_DRIVE
    ) -> WritableImage:
        return Flat(instance, disk_name)

    def can_clone(self, context: RequestContext, image_api: glance.API, image_id: str) -> bool:
        """Whether disks of this image are cloned from its data in Glance's storage."""
        return False

    def init_host(self) -> None:
        """Called when the driver starts. Raises ConfigurationError if the storage cannot be
        used."""

    def get_storage(self) -> Storage | None:
        """None for disks that are files."""
        return None

    def remove_disks(self, instance_uuid: str) -> None:
        """Remove all disks of an instance that are not in its folder."""

    def list_local_owners(self) -> set[str]:
        """Uuids of the instances with disks on this host that are not in their folders."""
        return set()

    def list_owners_of(self, disk_name: str) -> set[str]:
        """Uuids of the instances that have a disk of this name, which is not in their folders; in
        shared storage, those of all hosts."""
        return set()

    def discard_copy(
        self, context: RequestContext, image_api: glance.API, image_id: str, base_image_id: str
    ) -> None:
        """See ``ComputeDriver.discard_copy``."""

    def list_shared_owners(self) -> set[str]:
        """Uuids of the instances of all hosts that have disks in the shared storage."""
        return set()

    def list_interrupted(self) -> dict[str, list[str]]:
        """Instance uuid -> names of unfinished disks in the shared storage, which other processes
        began to make or to remove."""
        return {}

    def remove_interrupted(self, name: str) -> None:
        """Remove an unfinished disk of :meth:`list_interrupted`."""
