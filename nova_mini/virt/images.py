"""Images on their way from Glance, or another host, to this host's disk: fetched, inspected,
converted.

An image is what a stranger uploaded. Before any tool opens it, it is inspected in this process:
its format must be the declared one and it may not refer to any other file (backing files, data
files, extents), or a guest could read the host's disk. Only then does qemu-img see it, with the
format named and its memory and time limited.
"""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
from collections.abc import Iterator

from oslo_concurrency import processutils
from oslo_log import log as logging
from oslo_utils import units
from oslo_utils.imageutils import format_inspector

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

# An image may be made to eat its reader. (util-linux's prlimit starts in a tenth of the time of
# oslo.concurrency's, which is a Python program, and this is run for every disk.)
QEMU_IMG_LIMITS = ("prlimit", f"--as={4 * units.Gi}", f"--cpu={30 * 60}", "--")

# Glance's names for what the inspector calls otherwise.
_DECLARED = {"vpc": "vhd", "ami": "raw", "ari": "raw", "aki": "raw"}
# Bytes that QEMU is always told to take as they are: they cannot refer to anything. (A kernel has
# the mark of a partition table, too.)
_PLAIN = {"raw", "gpt", "iso"}
_CHUNK = 4096
_SSH_OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=10")  # seconds; nobody is asked
_QEMU_FORMATS = {"qcow2": "qcow2", "vhd": "vpc", "vhdx": "vhdx", "vmdk": "vmdk", "vdi": "vdi"}


def qemu_img(*args: str) -> None:
    """Run ``qemu-img`` within limits. Raises ProcessExecutionError."""
    processutils.execute(*QEMU_IMG_LIMITS, "qemu-img", *args)


def inspect(image_id: str, path: pathlib.Path, declared: str) -> tuple[str, int]:
    """The format of an untrusted file by QEMU's name, and its virtual size in bytes.

    ``declared`` is Glance's disk_format. Raises ImageUnacceptable for a file that lies about its
    format, refers to other files, or is of a format that is not served.
    """
    with _named(image_id):
        inspector = format_inspector.detect_file_format(str(path))
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


def inspect_head(image_id: str, head: bytes, declared: str) -> None:
    """See that an image which begins with ``head`` (the first MiB) is raw, as is declared.

    Raises ImageUnacceptable.
    """
    with _named(image_id):
        stream = format_inspector.InspectWrapper(io.BytesIO(head))
        while stream.read(_CHUNK) and not stream.format:
            pass
        stream.close()
        found = str(stream.format)
    _check_declared(image_id, declared, found)
    if found not in _PLAIN:
        raise exception.ImageUnacceptable(image_id=image_id, reason=f"it is {found}, not raw")


@contextlib.contextmanager
def _named(image_id: str) -> Iterator[None]:
    """What the inspector says becomes our error."""
    try:
        yield
    except format_inspector.SafetyCheckFailed as exc:
        reason = "it failed the safety check of " + ", ".join(sorted(exc.failures))
        raise exception.ImageUnacceptable(image_id=image_id, reason=reason) from exc
    except format_inspector.ImageFormatError as exc:
        raise exception.ImageUnacceptable(image_id=image_id, reason=str(exc)) from exc


def _check_declared(image_id: str, declared: str, found: str) -> None:
    expected = _DECLARED.get(declared, declared)
    # Which of the plain ones it is makes no difference: a disk is raw to Glance, an ISO may be too.
    if expected == found or {expected, found} <= _PLAIN:
        return
    raise exception.ImageUnacceptable(
        image_id=image_id,
        reason=f"it is declared as {declared} but its content is {found}; "
        "correct its disk_format or upload it again",
    )


@traced
def fetch(context, image_api, image_id: str, target: pathlib.Path) -> None:
    """Bring the image's bytes, as Glance holds them and checked, into ``target``."""
    image_api.download(context, image_id, str(target))


@traced
def fetch_to_raw(context, image_api, image_id: str, target: pathlib.Path, max_size: int = 0):
    """Make ``target`` from an image: whole and on the disk, or not there at all.

    The caller holds the lock of ``target``, so what a killed predecessor left beside it is ours
    to overwrite. ``max_size`` (bytes, 0 for any) is the disk that the image must fit into.
    Raises ImageUnacceptable, FlavorDiskSmallerThanImage and what the image API raises.
    """
    image = image_api.get(context, image_id)
    part = target.with_name(target.name + ".part")
    converted = target.with_name(target.name + ".converted")
    try:
        fetch(context, image_api, image_id, part)
        driver_format, virtual_size = inspect(image_id, part, image.disk_format)
        if max_size and virtual_size > max_size:
            raise exception.FlavorDiskSmallerThanImage(
                flavor_size=max_size, image_size=virtual_size
            )
        if driver_format == "raw" or (driver_format == "qcow2" and not CONF.force_raw_images):
            publish(part, target)
        else:
            LOG.info("converting image %s from %s to raw", image_id, driver_format)
            qemu_img("convert", "-f", driver_format, "-O", "raw", str(part), str(converted))
            publish(converted, target)
    finally:
        part.unlink(missing_ok=True)
        converted.unlink(missing_ok=True)


@traced
def copy_from_host(host: str, image_id: str, target: pathlib.Path) -> None:
    """Make ``target`` from the file of the same path on another host, which has inspected it.

    For an image that Glance does not have any more. The hosts' administrators have set up ssh for
    the user that the services run as. Raises ImageNotFound when the host does not have it either,
    or does not give it.
    """
    LOG.info("copying image %s, which is not in Glance any more, from host %s", image_id, host)
    part = target.with_name(target.name + ".part")
    try:
        processutils.execute("scp", "-q", *_SSH_OPTIONS, "--", f"{host}:{target}", str(part))
        processutils.execute("fallocate", "--dig-holes", str(part))
        publish(part, target)
    except processutils.ProcessExecutionError as exc:
        LOG.warning("image %s was not copied from host %s: %s", image_id, host, exc.stderr)
        raise exception.ImageNotFound(image_id=image_id) from exc
    finally:
        part.unlink(missing_ok=True)


def publish(path: pathlib.Path, target: pathlib.Path) -> None:
    """Give a finished file its name, so that nobody ever sees it half made, whatever crashes."""
    fsync(path)
    os.replace(path, target)
    fsync(target.parent)


def fsync(path: pathlib.Path) -> None:
    """What was written to a file, a folder or a block device is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
