"""The files of a server that moves to a host without shared storage, as its source offers them.

The source renames the folder of the server to ``<uuid>_resize`` and lists its files in it, with
their checksums. The destination reads this list and the files over ssh: see :mod:`.fetched_files`.
So it writes only its own files, and a copy that was interrupted is repeated for the files that are
not complete. No copy changes what the source has.

A disk with a base in the image cache is made independent of it at the source: an ephemeral disk has
another base on every host, and the image of a root disk may not exist in Glance any more.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import pathlib
import re
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Self

from oslo_utils import units

from nova_mini import exception
from nova_mini.actions import preemption
from nova_mini.objects.instance import Instance
from nova_mini.objects.migration import Migration
from nova_mini.trace import traced
from nova_mini.virt import images, private_files
from nova_mini.virt.libvirt import blockinfo, utils
from nova_mini.virt.libvirt.imagebackend.file import Backend, FileImage

LIST_NAME = "moved.json"
_BLOCK = 64 * units.Ki
_BLOCKS_UNINTERRUPTED = 256
_ZEROS = bytes(_BLOCK)
_FORMATS = ("qcow2", "raw")
_NAMES = re.compile(
    r"disk|disk\.(eph\d{1,3}|swap|config)|kernel|ramdisk|console\.log(\.0)?|nvram(\.secure)?\.fd"
)
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class MovedFile:
    """``size``: in bytes, with the holes; ``data``: without them. ``sha256``: see
    :func:`checksum`."""

    name: str
    driver_format: str
    size: int
    data: int
    sha256: str

    def __post_init__(self) -> None:
        """Raises ValueError for values that no source has written."""
        is_file = _NAMES.fullmatch(self.name) and _CHECKSUM.fullmatch(self.sha256)
        if not is_file or self.driver_format not in _FORMATS or not min(self.size, self.data) >= 0:
            raise ValueError("not the description of a file of a server")


@dataclasses.dataclass(frozen=True)
class MovedFiles:
    """The list of the files of a server that moves. ``migration``: its UUID."""

    migration: str
    files: Sequence[MovedFile]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Raises ValueError for a text that is not such a list."""
        try:
            values = json.loads(text)
            return cls(str(values["migration"]), [MovedFile(**each) for each in values["files"]])
        except (KeyError, TypeError) as exc:
            raise ValueError(f"not a list of files: {exc}") from exc


# -- at the source -------------------------------------------------------------------------------


@traced("moved_files.offer")
def offer(
    backend: Backend, instance: Instance, migration: Migration, needed: Collection[str], skip: str
) -> None:
    """Put the files of an instance without a guest in the place where its destination reads them.

    ``needed``: disks that must exist; ``skip``: the name of a file that is not copied, or "".
    Idempotent. Raises DisksNotMoved if a disk does not exist.
    """
    own, moved = utils.get_instance_path(instance), utils.get_moved_path(instance)
    if not own.exists() and read_list(moved, migration):
        return
    if missing := sorted(name for name in ("", *needed) if not (own / name).exists()):
        raise exception.DisksNotMoved(reason=f"{missing[-1] or 'its folder'} does not exist")
    found = sorted(each.name for each in own.iterdir() if _NAMES.fullmatch(each.name))
    files = [_describe(backend, instance, own / name) for name in found if name != skip]
    write_list(own, MovedFiles(migration.uuid, files))
    if moved.exists():  # of a move that was confirmed while this host was down
        shutil.rmtree(moved)
    os.rename(own, moved)
    images.fsync(moved.parent)


def _describe(backend: Backend, instance: Instance, path: pathlib.Path) -> MovedFile:
    driver_format = "raw"
    if path.name.startswith(utils.CONSOLE_LOG):
        _detach_log(path)
    elif path.name.startswith(blockinfo.LOCAL_ROOT):
        disk = backend.by_name(instance, path.name)
        if isinstance(disk, FileImage):
            disk.flatten()
            driver_format = disk.driver_format
    stat = path.stat()
    data = min(stat.st_size, stat.st_blocks * 512)
    return MovedFile(path.name, driver_format, stat.st_size, data, checksum(path))


def _detach_log(path: pathlib.Path) -> None:
    """Replace a log by a copy: virtlogd may still write the guest's last words to the old file."""
    copy = private_files.prepare(path.with_name(path.name + ".part"))
    shutil.copyfile(path, copy)
    os.replace(copy, path)


@traced("moved_files.take_back")
def take_back(instance: Instance) -> None:
    """Undo :func:`offer`. Idempotent."""
    own, moved = utils.get_instance_path(instance), utils.get_moved_path(instance)
    if moved.exists() and not own.exists():
        os.rename(moved, own)
        images.fsync(own.parent)
    (own / LIST_NAME).unlink(missing_ok=True)


# -- both hosts ----------------------------------------------------------------------------------


def read_list(folder: pathlib.Path, migration: Migration) -> MovedFiles | None:
    """The list in a folder, if it is that of this move."""
    try:
        listed = MovedFiles.from_json((folder / LIST_NAME).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return listed if listed.migration == migration.uuid else None


def write_list(folder: pathlib.Path, listed: MovedFiles) -> None:
    """It is on the disk before any file is that depends on it."""
    utils.write_to_file(folder / LIST_NAME, listed.to_json())
    images.fsync(folder / LIST_NAME)
    images.fsync(folder)


def checksum(path: pathlib.Path) -> str:
    """The SHA-256 of the blocks of 64 KiB that are not zero, each after its number.

    So a hole and zeros are the same, and holes need not be read: a disk may have terabytes of them.
    Raises Preempted.
    """
    digest, begun = hashlib.sha256(), time.monotonic()
    with open(path, "rb", buffering=0) as stream:
        for number in _blocks_with_data(stream.fileno()):
            block = os.pread(stream.fileno(), _BLOCK, number * _BLOCK)
            if block != _ZEROS[: len(block)]:
                digest.update(number.to_bytes(8, "big") + block)
            if not number % _BLOCKS_UNINTERRUPTED:
                preemption.check(time.monotonic() - begun)
    return digest.hexdigest()


def _blocks_with_data(descriptor: int) -> Iterator[int]:
    """The numbers of the blocks of a file in which it has data, or has zeros instead of a hole."""
    size, number = os.fstat(descriptor).st_size, 0
    while number * _BLOCK < size:
        try:
            number = os.lseek(descriptor, number * _BLOCK, os.SEEK_DATA) // _BLOCK
        except OSError as exc:
            if exc.errno == errno.ENXIO:  # no data until the end
                return
            raise
        end = os.lseek(descriptor, number * _BLOCK, os.SEEK_HOLE)
        # A hole may be in the first part of the block.
        end = max(end, (number + 1) * _BLOCK)
        while number * _BLOCK < end:
            yield number
            number += 1
