"""Fetch images from Glance or another host, inspect them, convert them to raw.

Images are untrusted. Each is inspected in this process before any tool opens it: its format must be
the declared one and it must not refer to any other file (backing files, data files, extents), or a
guest could read the host's disk. Only then qemu-img runs on it, with an explicit format and with
limits of memory and CPU time.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from oslo_concurrency import processutils
from oslo_log import log as logging
from oslo_utils import units
from oslo_utils.imageutils import format_inspector

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt import private_files, ssh

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance

LOG = logging.getLogger(__name__)

# An image can be crafted to exhaust the program that reads it. (The prlimit of util-linux starts in
# a tenth of the time of oslo.concurrency's, which is a Python program; it runs for every disk.)
QEMU_IMG_LIMITS = ("prlimit", f"--as={4 * units.Gi}", f"--cpu={30 * 60}", "--")

# Glance's names of formats -> the inspector's, where they differ.
_DECLARED = {"vpc": "vhd", "ami": "raw", "ari": "raw", "aki": "raw"}
# Formats that QEMU opens as raw: they cannot refer to other files. (A kernel has the signature of a
# partition table, too.)
_PLAIN = {"raw", "gpt", "iso"}
_CHUNK = 4096
_QEMU_FORMATS = {"qcow2": "qcow2", "vhd": "vpc", "vhdx": "vhdx", "vmdk": "vmdk", "vdi": "vdi"}


def qemu_img(*args: str) -> None:
    """Run ``qemu-img`` within limits. Raises ProcessExecutionError."""
    processutils.execute(*QEMU_IMG_LIMITS, "qemu-img", *args)


def inspect(image_id: str, path: pathlib.Path, declared: str | None) -> tuple[str, int]:
    """Returns the format of an untrusted file by QEMU's name, and its virtual size in bytes.

    ``declared`` is Glance's disk_format. Raises ImageUnacceptable for a file of another format than
    declared or of one that is not supported, and for one that refers to other files.
    """
    with _translated(image_id):
        inspector = format_inspector.detect_file_format(str(path))
        if inspector is None:
            raise exception.ImageUnacceptable(image_id=image_id, reason="its format is not known")
        if str(inspector) not in _PLAIN:
            inspector.safety_check()
    found = str(inspector)
    _check_declared(image_id, declared, found)
    if found in _PLAIN:
        return "raw", path.stat().st_size
    if found not in _QEMU_FORMATS:
        raise exception.ImageUnacceptable(
            image_id=image_id, reason=f"images of format {found} are not supported"
        )
    return _QEMU_FORMATS[found], inspector.virtual_size


def inspect_head(image_id: str, head: bytes, declared: str | None) -> None:
    """Check that an image is raw, by ``head``, its first MiB, and that this is its declared format.

    Raises ImageUnacceptable.
    """
    with _translated(image_id):
        stream = format_inspector.InspectWrapper(io.BytesIO(head))
        while stream.read(_CHUNK) and not stream.format:
            pass
        stream.close()
        found = str(stream.format)
    _check_declared(image_id, declared, found)
    if found not in _PLAIN:
        raise exception.ImageUnacceptable(image_id=image_id, reason=f"it is {found}, not raw")


@contextlib.contextmanager
def _translated(image_id: str) -> Iterator[None]:
    """Translate the inspector's errors to ImageUnacceptable."""
    try:
        yield
    except format_inspector.SafetyCheckFailed as exc:
        reason = "it failed the safety check of " + ", ".join(sorted(exc.failures))
        raise exception.ImageUnacceptable(image_id=image_id, reason=reason) from exc
    except format_inspector.ImageFormatError as exc:
        raise exception.ImageUnacceptable(image_id=image_id, reason=str(exc)) from exc


def _check_declared(image_id: str, declared: str | None, found: str) -> None:
    expected = _DECLARED.get(declared, declared) if declared else None
    # The plain formats are one: Glance calls a disk with a partition table raw, and maybe an ISO.
    if expected == found or {expected, found} <= _PLAIN:
        return
    raise exception.ImageUnacceptable(
        image_id=image_id,
        reason=f"it is declared as {declared} but its content is {found}; "
        "correct its disk_format or upload it again",
    )


@traced("fetch")
def fetch(
    context: RequestContext, image_api: glance.API, image_id: str, target: pathlib.Path
) -> None:
    """Download an image from Glance into ``target`` and verify its checksum."""
    image_api.download(context, image_id, str(target))


@traced("fetch_to_raw")
def fetch_to_raw(
    context: RequestContext,
    image_api: glance.API,
    image_id: str,
    target: pathlib.Path,
    max_size: int = 0,
    check_record: Callable[[ImageMeta], None] | None = None,
) -> None:
    """Make the file ``target`` from an image, as raw (or qcow2 without ``force_raw_images``). It is
    complete and on the disk, or does not exist.

    The caller holds the lock of ``target``, so the temporary files of an interrupted process can be
    overwritten. ``max_size``: size in bytes of the disk that the image must fit into, 0 for any; it
    is compared with the size in Glance's record before the download, too. ``check_record`` gets
    Glance's record and raises an exception if the image must not be fetched. Raises
    ImageUnacceptable, FlavorDiskSmallerThanImage and the exceptions of the image API.
    """
    image = image_api.get(context, image_id)
    if check_record:
        check_record(image)
    if max_size and (image.size or 0) > max_size:
        raise exception.FlavorDiskSmallerThanImage(flavor_size=max_size, image_size=image.size)
    part = target.with_name(target.name + ".part")
    converted = target.with_name(target.name + ".converted")
    try:
        fetch(context, image_api, image_id, private_files.prepare(part))
        driver_format, virtual_size = inspect(image_id, part, image.disk_format)
        if max_size and virtual_size > max_size:
            raise exception.FlavorDiskSmallerThanImage(
                flavor_size=max_size, image_size=virtual_size
            )
        if driver_format == "raw" or (driver_format == "qcow2" and not CONF.force_raw_images):
            publish(part, target)
        else:
            LOG.info("Image %s: converting it from %s to raw", image_id, driver_format)
            _convert(image_id, driver_format, part, converted)
            publish(converted, target)
    finally:
        part.unlink(missing_ok=True)
        converted.unlink(missing_ok=True)


def _convert(image_id: str, driver_format: str, source: pathlib.Path, target: pathlib.Path) -> None:
    """Raises ImageUnacceptable when qemu-img cannot read the image within its limits, and
    ProcessExecutionError when the host's disk is full."""
    private_files.prepare(target)
    try:
        qemu_img("convert", "-f", driver_format, "-O", "raw", str(source), str(target))
    except processutils.ProcessExecutionError as exc:
        LOG.warning("Image %s: could not convert it to raw: %s", image_id, exc)
        if os.strerror(errno.ENOSPC) in (exc.stderr or ""):
            raise
        raise exception.ImageUnacceptable(
            image_id=image_id, reason=f"its {driver_format} content cannot be converted to raw"
        ) from exc


@traced("copy_from_host")
def copy_from_host(host: str, image_id: str, target: pathlib.Path) -> None:
    """Copy a cached image that is not in Glance any more from another host, with ``scp``. The file
    has the same path there, and that host has inspected it. ``host``: its name or address.

    ``ssh`` between the hosts is set up by the operator. Raises ImageNotFound when the file cannot
    be copied.
    """
    LOG.info("Image %s: not in Glance any more; copying it from host %s", image_id, host)
    part = private_files.prepare(target.with_name(target.name + ".part"))
    try:
        place = f"[{host}]" if ":" in host else host  # an address of IPv6
        processutils.execute("scp", "-q", *ssh.OPTIONS, "--", f"{place}:{target}", str(part))
        processutils.execute("fallocate", "--dig-holes", str(part))
        publish(part, target)
    except processutils.ProcessExecutionError as exc:
        LOG.warning("Image %s: could not copy it from host %s: %s", image_id, host, exc.stderr)
        raise exception.ImageNotFound(image_id=image_id) from exc
    finally:
        part.unlink(missing_ok=True)


def publish(path: pathlib.Path, target: pathlib.Path) -> None:
    """Sync a complete file and rename it to ``target``, so that ``target`` is never incomplete."""
    fsync(path)
    os.replace(path, target)
    fsync(target.parent)


def fsync(path: pathlib.Path) -> None:
    """Flush a file, a folder or a block device to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
