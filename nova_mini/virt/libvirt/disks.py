"""Create the disks of an instance: root, ephemeral, swap and config drive.

All functions are idempotent: a disk that exists is kept.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from oslo_concurrency import processutils
from oslo_log import log as logging
from oslo_utils import units

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.external.vendordata import Vendordata
from nova_mini.image import authorization
from nova_mini.objects.block_device_mapping import FILE_SYSTEMS
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance_metadata import InstanceMetadata
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.trace import traced
from nova_mini.virt import block_device, configdrive, images, private_files
from nova_mini.virt.libvirt import blockinfo, injection, utils
from nova_mini.virt.libvirt.imagebackend.base import Image, check_base_size
from nova_mini.virt.libvirt.imagebackend.file import Backend

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.block_device_info import BlockDeviceInfo, EphemeralDisk

LOG = logging.getLogger(__name__)

_DEFAULT_FILE_SYSTEMS = {"windows": "vfat"}


@dataclasses.dataclass(frozen=True)
class InjectionInfo:
    """Data that is written into the disks of the guest. Secrets are not in its ``repr``."""

    network_info: NetworkInfo
    files: list[tuple[str, bytes]] = dataclasses.field(repr=False)
    admin_password: str | None = dataclasses.field(repr=False)


def get_cache_fname(image_id: str) -> str:
    """The file name of an image in the cache."""
    return hashlib.sha1(image_id.encode(), usedforsecurity=False).hexdigest()


def create_root(
    context: RequestContext,
    image_api: glance.API,
    instance: Instance,
    image_id: str | None,
    backend: Backend,
    injection_info: InjectionInfo,
    fallback_from_host: str | None = None,
) -> None:
    """Create the root disk from an image.

    An image that is not the server's own is the one that it was shelved in. That image is deleted
    when the server runs, so the disk is made independent of it. Checks the right to use the image
    before it reads the cache, Ceph or another host. Raises InvalidBDM without an image, and what
    ``authorization.check`` and :func:`fetch_image` raise.
    """
    if image_id is None:
        raise exception.InvalidBDM(reason="it has no image, and its root volume is not connected")
    root = backend.by_name(instance, blockinfo.LOCAL_ROOT)
    if not root.exists():
        authorization.check(context, image_api, instance, image_id)
    size = instance.root_gb * units.Gi
    make_from_image(
        context, image_api, instance, root, image_id, injection_info, size, fallback_from_host
    )
    if image_id != instance.image_ref:
        root.flatten()


def make_from_image(
    context: RequestContext,
    image_api: glance.API,
    instance: Instance,
    disk: Image,
    image_id: str,
    injection_info: InjectionInfo,
    size: int = 0,
    fallback_from_host: str | None = None,
) -> None:
    """Create a disk from an image that the server may use, with what is injected. ``size``: bytes,
    0 for the size of the image. Raises what :func:`fetch_image` raises."""
    if injection.is_enabled():
        disk.finish = functools.partial(_inject_data, instance, injection_info)
    make = clone_fallback_to_fetch if disk.SUPPORTS_CLONE else fetch_image
    make(context, image_api, disk, image_id, size, fallback_from_host)


@traced("_inject_data")
def _inject_data(
    instance, injection_info: InjectionInfo, path: pathlib.Path, driver_format: str
) -> None:
    """Called for a new root disk before it gets its final name; an existing disk is never changed.
    Raises InjectionFailed."""
    injection.inject(path, driver_format, injection.Injected.requested(instance, injection_info))


@traced("clone_fallback_to_fetch")
def clone_fallback_to_fetch(
    context: RequestContext,
    image_api: glance.API,
    disk: Image,
    image_id: str,
    size: int = 0,
    fallback_from_host: str | None = None,
) -> None:
    """Clone a disk from the image's data in Glance's storage; if that is not possible, fetch the
    image."""
    try:
        disk.clone(context, image_api, image_id, size)
    except (exception.ImageUnacceptable, exception.ImageNotFound) as exc:
        LOG.info("Image %s: could not clone it, fetching it: %s", image_id, exc)
        fetch_image(context, image_api, disk, image_id, size, fallback_from_host)


@traced("fetch_image")
def fetch_image(
    context: RequestContext,
    image_api: glance.API,
    disk: Image,
    image_id: str,
    size: int = 0,
    fallback_from_host: str | None = None,
    check_record: Callable[[ImageMeta], None] | None = None,
) -> None:
    """Create a disk from an image in the cache; the image is fetched first if it is not there.

    The caller has checked that the server may use the image: the cache is for all projects.
    ``fallback_from_host``: a host to copy the image from if Glance does not have it.
    ``check_record``: see ``images.fetch_to_raw``. Raises ImageNotFound and what
    ``images.fetch_to_raw`` raises.
    """
    fetch_func = functools.partial(_fetch, context, image_api, image_id, size, check_record)
    _try_fetch_image_cache(disk, fetch_func, image_id, size, fallback_from_host)


@traced("cache_image")
def cache_image(
    context: RequestContext,
    image_api: glance.API,
    backend: Backend,
    image_id: str,
    max_size: int = 0,
) -> bool:
    """Fetch an image into the cache. Returns False if that is not needed: it is cached already, or
    disks are cloned from it.

    ``max_size``: size in bytes of the disk that the image must fit into, 0 for any. Raises
    FlavorDiskSmallerThanImage and what ``images.fetch_to_raw`` raises.
    """
    image_api.get(context, image_id)  # the caller's user must be able to read it, cached or not
    if backend.can_clone(context, image_api, image_id):
        return False
    base = utils.get_cache_path(get_cache_fname(image_id))
    with utils.cache_lock(base.name):
        if base.exists():
            os.utime(base)  # the image cache removes files by age
            check_base_size(base, max_size)
            return False
        images.fetch_to_raw(context, image_api, image_id, base, max_size)
        return True


def _fetch(
    context, image_api, image_id: str, max_size: int, check_record, target: pathlib.Path
) -> None:
    images.fetch_to_raw(context, image_api, image_id, target, max_size, check_record)


@traced("_try_fetch_image_cache")
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


def check_empty_disks(instance: Instance, block_device_info: BlockDeviceInfo) -> None:
    """Check the sizes of ephemeral disks and swap against the flavor. Raises InvalidBDM."""
    sizes = [disk.size_gb for disk in block_device_info.ephemerals]
    if any(size <= 0 for size in sizes) or sum(sizes) > instance.ephemeral_gb:
        raise exception.InvalidBDM(reason="the ephemeral disks do not fit the flavor")
    if not 0 <= block_device_info.swap_mb <= instance.flavor.swap:
        raise exception.InvalidBDM(reason="the swap disk does not fit the flavor")


def _file_system(instance: Instance, disk: EphemeralDisk) -> str:
    """The file system for an ephemeral disk. Raises InvalidBDM for an unknown one: the name becomes
    a part of a command and of a path."""
    file_system = (
        disk.guest_format
        or CONF.default_ephemeral_format
        or _DEFAULT_FILE_SYSTEMS.get(instance.os_type, "ext4")
    )
    if file_system not in FILE_SYSTEMS:
        raise exception.InvalidBDM(reason=f"guest_format must be one of {', '.join(FILE_SYSTEMS)}")
    return file_system


def create_ephemerals(
    instance: Instance, backend: Backend, block_device_info: BlockDeviceInfo
) -> None:
    for index, disk in enumerate(block_device_info.ephemerals):
        file_system = _file_system(instance, disk)
        size = disk.size_gb * units.Gi
        make = functools.partial(
            _create_formatted, size=size, file_system=file_system, label=f"ephemeral{index}"
        )
        image = backend.by_name(instance, blockinfo.ephemeral_name(index))
        image.cache(make, f"ephemeral{index}_{disk.size_gb}_{file_system}", size)


def create_swap(instance: Instance, backend: Backend, block_device_info: BlockDeviceInfo) -> None:
    size_mb = block_device_info.swap_mb
    if size_mb:
        size = size_mb * units.Mi
        make = functools.partial(_create_formatted, size=size, file_system="swap", label="swap0")
        backend.by_name(instance, blockinfo.SWAP).cache(make, f"swap_{size_mb}", size)


def _create_formatted(target: pathlib.Path, size: int, file_system: str, label: str) -> None:
    """Create a sparse raw file of ``size`` bytes with an empty file system (or swap space)."""
    part = target.with_name(target.name + ".part")
    private_files.prepare(part)
    os.truncate(part, size)
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
        case "ntfs":
            return ["mkfs.ntfs", "-q", "-Q", "-F", "-L", label]
        case "ext2" | "ext3" | "ext4":
            return [f"mkfs.{file_system}", "-q", "-F", "-L", label]
    raise ValueError(f"no command makes the file system {file_system!r}")


@traced("create_config_drive")
def create_config_drive(
    instance: Instance,
    backend: Backend,
    injection_info: InjectionInfo,
    block_device_info: BlockDeviceInfo,
    name: str = blockinfo.CONFIG_DRIVE,
) -> None:
    drive = backend.config_drive(instance, name)
    if drive.exists():
        return
    metadata = InstanceMetadata(
        instance,
        network_info=injection_info.network_info,
        admin_password=injection_info.admin_password,
        injected_files=injection_info.files,
        tagged_disks=block_device.get_tagged_disks(block_device_info),
        vendordata=Vendordata(instance),
    )
    builder = configdrive.ConfigDriveBuilder(metadata.metadata_for_config_drive())
    drive.create_from(builder.make_drive)
