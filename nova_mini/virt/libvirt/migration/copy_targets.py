"""The files into which the local disks of a running guest are copied, made at the destination.

A root disk that is an overlay of the server's image stays one: the image is fetched into the cache
of this host, and only what the guest has written is copied. Otherwise all data of all disks is
copied, and they need no base here. This is so if an ephemeral disk or swap is an overlay, because
the base of such a disk differs on each host, and if the image cannot be had any more.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.trace import traced
from nova_mini.virt import images, private_files, ssh
from nova_mini.virt.libvirt import blockinfo, disks, utils
from nova_mini.virt.libvirt.imagebackend.file import FileImage, Qcow2

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.imagebackend.base import Image
    from nova_mini.virt.libvirt.imagebackend.file import Backend
    from nova_mini.virt.libvirt.migration.local_disks import LocalDisks, LocalFile

LOG = logging.getLogger(__name__)

_NO_IMAGE = (
    exception.ImageNotFound,
    exception.ImageNotAuthorized,
    exception.ImageUnacceptable,
    exception.FlavorDiskSmallerThanImage,
)


@dataclasses.dataclass(frozen=True)
class Copies:
    """``devices``: the guest's names of the disks that are copied. ``is_whole``: with the data of
    their bases. ``data``: bytes that are written in them, for the pace of the migration."""

    devices: Sequence[str] = ()
    is_whole: bool = False
    data: int = 0

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        return cls(**stored)


@traced("copy_targets.make")
def make(
    context: RequestContext,
    image_api: glance.API,
    backend: Backend,
    instance: Instance,
    source: LocalDisks,
    disk_info: blockinfo.DiskInfo,
) -> Copies:
    """Make the files. There is no guest here: files of an earlier stay on this host, or of an
    interrupted attempt, are replaced. Raises MigrationPreCheckError if the guest would have a disk
    in another place here."""
    for file in source.files:
        device = disk_info.mapping.get(file.name)
        if device is None or device.dev != file.device:
            raise exception.MigrationPreCheckError(
                reason=f"the guest has the disk {file.name} as {file.device}, and would not have "
                "it there at the destination"
            )
    is_whole = any(each.has_own_base for each in source.files)
    for file in source.files:
        if file.image_size is not None and not is_whole:
            image = _replaced(backend, instance, file)
            is_whole = not _make_overlay(context, image_api, instance, image, file, source.address)
    for file in source.files:
        if is_whole or file.image_size is None:
            _replaced(backend, instance, file).create_empty(file.size)
    LOG.info("Made %d disks for the guest that comes here", len(source.files), instance=instance)
    return Copies(
        devices=[each.device for each in source.files],
        is_whole=is_whole,
        data=sum(each.data for each in source.files),
    )


def _replaced(backend: Backend, instance: Instance, file: LocalFile) -> FileImage:
    image = backend.by_name(instance, file.name)
    assert isinstance(image, FileImage)  # the destination was checked
    image.remove()
    return image


def _make_overlay(
    context: RequestContext,
    image_api: glance.API,
    instance: Instance,
    image: FileImage,
    file: LocalFile,
    address: str,
) -> bool:
    """Make an overlay of the server's image; returns False if this is not possible. The guest has
    the data of the image already, so no user's access to the image is checked."""
    if not isinstance(image, Qcow2):
        return False
    image_id = instance.image_ref
    try:
        disks.fetch_image(context, image_api, image, image_id, file.size, address)
    except _NO_IMAGE as exc:
        LOG.warning("Image %s: not here, so all data is copied: %s", image_id, exc)
        return False
    base = utils.get_cache_path(disks.get_cache_fname(image_id))
    return utils.get_disk_size(base, utils.get_base_format(base)) == file.image_size


@traced("copy_targets.fetch_config_drive")
def fetch_config_drive(instance: Instance, drive: Image, source: LocalDisks) -> bool:
    """Copy the config drive from the source: one that is made anew may lack what a user has
    injected, and the guest may have mounted it. Returns False if it is a file at one host only.

    Raises ActionInterrupted if the source cannot be reached by ssh, and DisksNotMoved.
    """
    if source.config_drive is None or not isinstance(drive, FileImage):
        return False
    path = f"{source.folder}/{blockinfo.CONFIG_DRIVE}"
    part = private_files.prepare(drive.path.with_name(drive.disk_name + ".part"))
    try:
        with ssh.output_of(source.address, "cat", "--", path) as output:
            content = output.read(source.config_drive)
    except exception.RemoteCommandFailed as exc:
        raise exception.DisksNotMoved(reason="the source does not offer the config drive") from exc
    if len(content) != source.config_drive:
        raise exception.DisksNotMoved(reason="the copy of the config drive is incomplete")
    pathlib.Path(part).write_bytes(content)
    images.publish(part, drive.path)
    return True
