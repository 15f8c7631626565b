"""Files and paths of instances."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import pathlib
import re
import shutil
import struct
from typing import TYPE_CHECKING

from oslo_concurrency import lockutils
from oslo_utils import uuidutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt import private_files

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.guest import Guest

DELETED_SUFFIX = "_del"
MOVED_SUFFIX = "_resize"  # as Nova's
CONSOLE_LOG = "console.log"


# One component of a path, but not "." or "..". Names of locks and of logical volumes are checked
# with it, too.
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")


def instances_path() -> pathlib.Path:
    return pathlib.Path(CONF.instances_path)


def check_file_name(name: str) -> str:
    """Return ``name``. Raises UnsafeFileName if it is not one plain component of a path."""
    if not _FILE_NAME.fullmatch(name):
        raise exception.UnsafeFileName(name=name[:80])
    return name


def path_below(root: pathlib.Path, *names: str) -> pathlib.Path:
    """A path inside of ``root``; use it for all paths with untrusted names.

    Each of ``names`` is one component, so the path cannot leave ``root``. Raises UnsafeFileName.
    """
    return root.joinpath(*(check_file_name(name) for name in names))


def get_instance_path(instance: Instance | Guest, *names: str) -> pathlib.Path:
    """The folder of this instance on this host, or a file in it."""
    return path_below(instances_path(), instance.uuid, *names)


def get_moved_path(instance: Instance) -> pathlib.Path:
    """The folder of an instance that has moved to another host, until the move is confirmed."""
    return path_below(instances_path(), instance.uuid + MOVED_SUFFIX)


def get_cache_path(name: str) -> pathlib.Path:
    """The path of a file in the image cache. Raises UnsafeFileName."""
    return path_below(base_dir(), name)


def list_instance_dirs() -> set[str]:
    """Uuids of the instances with files on this host, also those of an interrupted removal and of
    a move that is not confirmed."""
    if not instances_path().is_dir():
        return set()
    names = {
        path.name.removesuffix(DELETED_SUFFIX).removesuffix(MOVED_SUFFIX)
        for path in instances_path().iterdir()
    }
    return {name for name in names if uuidutils.is_uuid_like(name)}


def base_dir() -> pathlib.Path:
    return instances_path() / CONF.image_cache.subdirectory_name


def restrict_access() -> None:
    """Create the folders for instances and cached images, and restrict their modes and those of the
    files in them. Called when the driver starts."""
    private_files.make_folder(instances_path())
    private_files.make_folder(base_dir())
    for name in (CONF.image_cache.subdirectory_name, *list_instance_dirs()):
        if (folder := instances_path() / name).is_dir():
            private_files.restrict_access(folder)


def cache_lock(filename: str) -> contextlib.AbstractContextManager:
    """A lock between processes, held while a cached file is made, used or removed."""
    return lockutils.lock(
        check_file_name(filename),
        lock_file_prefix="nova-mini-",
        external=True,
        lock_path=str(instances_path() / "locks"),
    )


def write_to_file(path: pathlib.Path, content: str) -> None:
    """Write a small file, completely or not at all. Only its owner can read it."""
    temporary = path.with_name(path.name + ".part")
    temporary.unlink(missing_ok=True)
    with open(temporary, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        stream.write(content)
    os.replace(temporary, path)


_QCOW2_HEADER = struct.Struct(">4sIQI4xQ")  # magic, version, backing offset and size, disk size
_MAX_BACKING_NAME = 1023  # bytes, as the format defines it


def _read_qcow2_header(stream) -> tuple[int, int, int] | None:
    """(offset of the backing file's name, length of that name, virtual size in bytes); None for
    another format."""
    header = stream.read(_QCOW2_HEADER.size)
    if len(header) < _QCOW2_HEADER.size or not header.startswith(b"QFI\xfb"):
        return None
    _magic, _version, offset, length, size = _QCOW2_HEADER.unpack(header)
    return offset, length, size


def find_backing_file(path: pathlib.Path) -> str | None:
    """The backing file of a qcow2 disk. None: it has none, is of another format or does not
    exist."""
    try:
        with open(path, "rb") as stream:
            header = _read_qcow2_header(stream)
            if header is None or not header[0]:
                return None
            stream.seek(header[0])
            return os.fsdecode(stream.read(min(header[1], _MAX_BACKING_NAME)))
    except FileNotFoundError:
        return None


def get_base_format(path: pathlib.Path) -> str:
    """The format of a cached image. Its content is trusted: the image was inspected when it was
    fetched."""
    with open(path, "rb") as stream:
        return "qcow2" if _read_qcow2_header(stream) else "raw"


def get_disk_size(path: pathlib.Path, driver_format: str) -> int:
    """Virtual size in bytes. A raw disk is not read: the guest controls its content."""
    if driver_format == "raw":
        return path.stat().st_size
    with open(path, "rb") as stream:
        header = _read_qcow2_header(stream)
    if header is None:
        raise ValueError(f"{path} is not a qcow2 file")
    return header[2]


@functools.cache
def supports_direct_io(directory: pathlib.Path) -> bool:
    """Whether the file system supports O_DIRECT (tmpfs does not)."""
    probe = directory / f".direct-io-{os.getpid()}"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_DIRECT, 0o600))
    except OSError as exc:
        if exc.errno == errno.EINVAL:
            return False
        raise
    finally:
        probe.unlink(missing_ok=True)
    return True


def read_console_log(instance: Instance, limit: int) -> bytes:
    """The last ``limit`` bytes that the guest wrote to its serial console.

    virtlogd rotates the file, so the previous file is read as well. Raises ConsoleNotAvailable.
    """
    log = get_instance_path(instance, CONSOLE_LOG)
    if not log.exists():
        raise exception.ConsoleNotAvailable()
    tail = _read_tail(log, limit)
    rotated = log.with_name(CONSOLE_LOG + ".0")
    if len(tail) < limit and rotated.exists():
        tail = _read_tail(rotated, limit - len(tail)) + tail
    return tail


def _read_tail(path: pathlib.Path, limit: int) -> bytes:
    with open(path, "rb") as stream:
        stream.seek(max(0, path.stat().st_size - limit))
        return stream.read(limit)


def delete_instance_files(instance: Instance) -> None:
    """Remove the folder of the instance, also that of a move. It is renamed before its removal, so
    that an interrupted removal leaves no instance."""
    for path in (get_instance_path(instance), get_moved_path(instance)):
        deleted = path.with_name(path.name + DELETED_SUFFIX)
        if deleted.exists():
            shutil.rmtree(deleted)
        if path.exists():
            os.rename(path, deleted)
            shutil.rmtree(deleted)
