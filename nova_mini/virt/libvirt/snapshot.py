"""Make an image from a server's root disk: copy the disk and upload it. If disks and Glance's
images are in the same Ceph cluster, the copy is made inside it (:mod:`.snapshot_direct`)."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.states import task_states
from nova_mini.virt import private_files
from nova_mini.virt.libvirt import blockinfo, snapshot_direct, utils
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.imagebackend.base import Image
from nova_mini.virt.libvirt.imagebackend.rbd import Rbd

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)

# Glance or Ceph refused a direct copy; the disk is uploaded then.
_REFUSED = (
    exception.CephFailed,
    exception.ImageBadRequest,
    exception.ImageNotAuthorized,
    exception.ImageUnacceptable,
)


def snapshots_path() -> pathlib.Path:
    return pathlib.Path(CONF.libvirt.snapshots_directory)


def remove_unfinished() -> None:
    """Remove the files of interrupted snapshots; a snapshot is started again from the beginning."""
    _remove(snapshots_path())
    private_files.make_folder(snapshots_path())


def _remove(directory: pathlib.Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)


def take(
    context: RequestContext,
    image_api: glance.API,
    instance: Instance,
    guest: Guest,
    disk: Image,
    image_id: str,
    update_task_state: Callable[..., None],
) -> None:
    """See ``ComputeDriver.snapshot``."""
    out_format = CONF.libvirt.snapshot_image_format or disk.driver_format
    if isinstance(disk, Rbd) and out_format == disk.driver_format:
        try:
            snapshot_direct.take(
                context, image_api, instance, guest, disk, image_id, update_task_state
            )
            return
        except _REFUSED as exc:
            LOG.info("Uploading the snapshot; no direct copy: %s", exc, instance=instance)
    _upload(context, image_api, instance, guest, disk, image_id, out_format, update_task_state)


def _upload(
    context, image_api, instance, guest, disk: Image, image_id, out_format: str, update_task_state
) -> None:
    directory = utils.path_below(snapshots_path(), image_id)
    _remove(directory)
    private_files.make_folder(directory)
    try:
        target = directory / "disk"
        if isinstance(disk, Rbd):
            private_files.prepare(target)
            with snapshot_direct.snapshot(instance, guest, disk, image_id):
                disk.extract(target, out_format, snapshot=image_id)
        else:
            _copy(instance, guest, disk, target, out_format)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        image_api.update(context, image_id, disk_format=out_format, container_format="bare")
        with open(target, "rb") as stream:
            image_api.upload(context, image_id, stream)
        LOG.info("Snapshot uploaded as image %s", image_id, instance=instance)
    finally:
        _remove(directory)


def _copy(instance, guest: Guest, disk: Image, target: pathlib.Path, out_format: str) -> None:
    """Copy the disk: by the running QEMU, or with qemu-img if the guest is off."""
    if not guest.is_active():
        disk.snapshot_extract(private_files.prepare(target), out_format)
        return
    device = next(
        (found for found in guest.get_devices().disks if found.source_path == str(disk.path)), None
    )
    if device is None:
        raise exception.DeviceNotFound(device=blockinfo.LOCAL_ROOT)
    copy = LibvirtConfigGuestDisk(
        str(target), device.target_dev, device.target_bus, driver_format=out_format
    )
    guest.copy_disk(device.target_dev, copy, snapshot_direct.requires_quiesce(instance))
