"""The disks of a new instance: root, ephemeral, swap, config drive, kernel and ramdisk.

Each is left alone when it is there already, so all of this may be done again.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import pathlib

from oslo_concurrency import processutils
from oslo_log import log as logging
from oslo_utils import units

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.instance_metadata import InstanceMetadata
from nova_mini.trace import traced
from nova_mini.virt import configdrive, images
from nova_mini.virt.libvirt import blockinfo, injection, utils
from nova_mini.virt.libvirt.guest_config import KERNEL, RAMDISK
from nova_mini.virt.libvirt.imagebackend import Backend, Flat, Image

LOG = logging.getLogger(__name__)

_DEFAULT_FILE_SYSTEMS = {"windows": "vfat"}


@dataclasses.dataclass(frozen=True)
class InjectionInfo:
    """What the guest shall find inside, and nobody shall find in a log."""

    network_info: list
    files: list[tuple[str, bytes]] = dataclasses.field(repr=False)
    admin_password: str | None = dataclasses.field(repr=False)


def get_cache_fname(image_id: str) -> str:
    """Name of an image in the cache."""
    return hashlib.sha1(image_id.encode(), usedforsecurity=False).hexdigest()


def create_root(
    context, image_api, instance, image_id: str, backend: Backend, injection_info: InjectionInfo,
    fallback_from_host: str | None = None,
) -> None:  # fmt: skip
    """From another image than the server's own, which is the one that it was shelved in and which
    goes when the server runs, the disk becomes independent of it."""
    root = backend.by_name(instance, blockinfo.LOCAL_ROOT)
    if injection.is_wanted():
        root.finish = functools.partial(_inject_data, instance, injection_info)
    size = instance.root_gb * units.Gi
    make = clone_fallback_to_fetch if root.SUPPORTS_CLONE else fetch_image
    make(context, image_api, root, image_id, size, fallback_from_host)
    if image_id != instance.image_ref:
        root.flatten()


@traced
def _inject_data(
    instance, injection_info: InjectionInfo, path: pathlib.Path, driver_format: str
) -> None:
    """Into the root disk before it has its name: a disk that is there is never touched, whether a
    guest runs from it or not. Raises InjectionFailed."""
    injection.inject(path, driver_format, injection.Injected.wanted(instance, injection_info))


@traced
def clone_fallback_to_fetch(
    context, image_api, disk: Image, image_id: str, size: int = 0,
    fallback_from_host: str | None = None,
) -> None:  # fmt: skip
    """Make a disk of Glance's own copy, without its data passing through here, if it can be."""
    try:
        disk.clone(context, image_api, image_id, size)
    except (exception.ImageUnacceptable, exception.ImageNotFound) as exc:
        LOG.info("fetching image %s rather than cloning it: %s", image_id, exc)
        fetch_image(context, image_api, disk, image_id, size, fallback_from_host)


@traced
def fetch_image(
    context, image_api, disk: Image, image_id: str, size: int = 0,
    fallback_from_host: str | None = None,
) -> None:  # fmt: skip
    """Make a disk from an image by way of the cache. Raises ImageNotFound when neither Glance nor
    the cache of ``fallback_from_host``, if that is given, has it."""
    fetch_func = functools.partial(_fetch, context, image_api, image_id, size)
    _try_fetch_image_cache(disk, fetch_func, image_id, size, fallback_from_host)


@traced
def cache_image(context, image_api, backend: Backend, image_id: str) -> bool:
    """Whether it had to be fetched: not one that is here, nor one that disks are cloned from."""
    if backend.can_clone(context, image_api, image_id):
        return False
    base = utils.base_dir() / get_cache_fname(image_id)
    with utils.cache_lock(base.name):
        if base.exists():
            os.utime(base)  # so that it does not age meanwhile
            return False
        images.fetch_to_raw(context, image_api, image_id, base)
        return True


def _fetch(context, image_api, image_id: str, max_size: int, target: pathlib.Path) -> None:
    images.fetch_to_raw(context, image_api, image_id, target, max_size)


@traced
def _try_fetch_image_cache(
    disk: Image, fetch_func, image_id: str, size: int, fallback_from_host: str | None
) -> None:
    filename = get_cache_fname(image_id)
    try:
        disk.cache(fetch_func=fetch_func, filename=filename, size=size)
    except exception.ImageNotFound:
        if not fallback_from_host:
            raise
        copy_func = functools.partial(images.copy_from_host, fallback_from_host, image_id)
        disk.cache(fetch_func=copy_func, filename=filename, size=size)


def fetch_kernel_and_ramdisk(
    context, image_api, instance, fallback_from_host: str | None = None
) -> None:
    """For images without a boot loader. They are inspected like any other image: the cache must
    never hold a file under an image's id that was not."""
    for name, image_id in ((KERNEL, instance.kernel_id), (RAMDISK, instance.ramdisk_id)):
        if image_id:
            disk = Flat(instance, name)
            fetch_image(context, image_api, disk, image_id, fallback_from_host=fallback_from_host)


def create_ephemerals(instance, backend: Backend, block_device_info: dict | None) -> None:
    for index, disk in enumerate(blockinfo.get_ephemerals(instance, block_device_info)):
        file_system = (
            disk.get("guest_format")
            or CONF.default_ephemeral_format
            or _DEFAULT_FILE_SYSTEMS.get(instance.os_type, "ext4")
        )
        size = disk["size"] * units.Gi
        make = functools.partial(
            _create_formatted, size=size, file_system=file_system, label=f"ephemeral{index}"
        )
        image = backend.by_name(instance, blockinfo.ephemeral_name(index))
        image.cache(make, f"ephemeral{index}_{disk['size']}_{file_system}", size)


def create_swap(instance, backend: Backend, block_device_info: dict | None) -> None:
    size_mb = blockinfo.get_swap_mb(instance, block_device_info)
    if size_mb:
        size = size_mb * units.Mi
        make = functools.partial(_create_formatted, size=size, file_system="swap", label="swap0")
        backend.by_name(instance, blockinfo.SWAP).cache(make, f"swap_{size_mb}", size)


def _create_formatted(target: pathlib.Path, size: int, file_system: str, label: str) -> None:
    """A sparse raw file of ``size`` bytes with an empty file system (or swap space) in it."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    with open(part, "wb") as stream:
        stream.truncate(size)
    processutils.execute(*_format_command(file_system, label), str(part))
    images.publish(part, target)


def _format_command(file_system: str, label: str) -> list[str]:
    match file_system:
        case "swap":
            return ["mkswap", "-L", label]
        case "vfat":
            return ["mkfs.vfat", "-n", label.upper()]
        case "xfs":
            return ["mkfs.xfs", "-q", "-f", "-L", label]
        case _:
            return [f"mkfs.{file_system}", "-q", "-F", "-L", label]


@traced
def create_config_drive(instance, backend: Backend, injection_info: InjectionInfo) -> None:
    drive = backend.by_name(instance, blockinfo.CONFIG_DRIVE)
    if drive.exists():
        return
    metadata = InstanceMetadata(
        instance,
        network_info=injection_info.network_info,
        admin_password=injection_info.admin_password,
        injected_files=injection_info.files,
    )
    builder = configdrive.ConfigDriveBuilder(metadata.metadata_for_config_drive())
    drive.create_from(builder.make_drive)
