"""Files and paths of instances."""

from __future__ import annotations

import errno
import functools
import os
import pathlib
import struct

from oslo_concurrency import lockutils
from oslo_utils import uuidutils

from nova_mini import exception
from nova_mini.conf import CONF

DELETED_SUFFIX = "_del"
CONSOLE_LOG = "console.log"


def instances_path() -> pathlib.Path:
    return pathlib.Path(CONF.instances_path)


def get_instance_path(instance) -> pathlib.Path:
    """The folder that holds all files of this instance on this host."""
    return instances_path() / instance.uuid


def list_instance_dirs() -> set[str]:
    """Uuids of the instances that have files here, those whose removal was cut off included."""
    if not instances_path().is_dir():
        return set()
    names = {path.name.removesuffix(DELETED_SUFFIX) for path in instances_path().iterdir()}
    return {name for name in names if uuidutils.is_uuid_like(name)}


def base_dir() -> pathlib.Path:
    return instances_path() / CONF.image_cache.subdirectory_name


def cache_lock(filename: str):
    """Held while a cached file is made, used or removed, by whichever process."""
    return lockutils.lock(
        filename,
        lock_file_prefix="nova-mini-",
        external=True,
        lock_path=str(instances_path() / "locks"),
    )


def write_to_file(path: pathlib.Path, content: str) -> None:
    """Replace a small file as a whole; readable by its owner alone."""
    temporary = path.with_name(path.name + ".part")
    temporary.unlink(missing_ok=True)
    with open(temporary, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
        stream.write(content)
    os.replace(temporary, path)


_QCOW2_HEADER = struct.Struct(">4sIQI4xQ")  # magic, version, backing offset and size, disk size
_MAX_BACKING_NAME = 1023  # bytes, by the format's own rule


def _read_qcow2_header(stream) -> tuple[int, int, int] | None:
    """(backing file's offset, its length, virtual size in bytes), None for another format."""
    header = stream.read(_QCOW2_HEADER.size)
    if len(header) < _QCOW2_HEADER.size or not header.startswith(b"QFI\xfb"):
        return None
    _magic, _version, offset, length, size = _QCOW2_HEADER.unpack(header)
    return offset, length, size


def find_backing_file(path: pathlib.Path) -> str | None:
    """What a disk is an overlay of; None for a whole disk, or one that went away just now."""
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
    """Of a cached image. Its content can be trusted on this: liars were refused when fetched."""
    with open(path, "rb") as stream:
        return "qcow2" if _read_qcow2_header(stream) else "raw"


def get_disk_size(path: pathlib.Path, driver_format: str) -> int:
    """Virtual size in bytes. A raw disk is never looked into: its guest may write anything."""
    if driver_format == "raw":
        return path.stat().st_size
    with open(path, "rb") as stream:
        return _read_qcow2_header(stream)[2]


@functools.cache
def supports_direct_io(directory: pathlib.Path) -> bool:
    """Whether files there can be opened past the page cache (not so on tmpfs, for one)."""
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


def read_console_log(instance, limit: int) -> bytes:
    """The last ``limit`` bytes of what the guest wrote on its serial console.

    virtlogd starts a new file when one is full, so the one before it is looked at as well.
    Raises ConsoleNotAvailable.
    """
    log = get_instance_path(instance) / CONSOLE_LOG
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
