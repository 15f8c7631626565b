"""A server's root disk as a new image: copied, flattened, uploaded; or, where disks and Glance's
images are in one Ceph cluster, copied there."""

from __future__ import annotations

import pathlib
import shutil

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.compute import task_states
from nova_mini.conf import CONF
from nova_mini.virt.libvirt import blockinfo, snapshot_direct
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.imagebackend import Image

LOG = logging.getLogger(__name__)

# Glance or Ceph does not want a direct copy; an upload goes another way.
_REFUSED = (
    exception.CephFailed,
    exception.ImageBadRequest,
    exception.ImageNotAuthorized,
    exception.ImageUnacceptable,
)


def snapshots_path() -> pathlib.Path:
    return pathlib.Path(CONF.libvirt.snapshots_directory)


def forget_unfinished() -> None:
    """What a service that died had not uploaded yet; its successor takes the copy anew."""
    _remove(snapshots_path())
    snapshots_path().mkdir(parents=True)


def _remove(directory: pathlib.Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)


def take(context, image_api, instance, guest: Guest, disk: Image, image_id, update_task_state):
    """See ``ComputeDriver.snapshot``."""
    out_format = CONF.libvirt.snapshot_image_format or disk.driver_format
    if disk.SUPPORTS_CLONE and out_format == disk.driver_format:
        try:
            snapshot_direct.take(
                context, image_api, instance, guest, disk, image_id, update_task_state
            )
            return
        except _REFUSED as exc:
            LOG.info("uploading the snapshot: %s", exc, instance=instance)
    _upload(context, image_api, instance, guest, disk, image_id, out_format, update_task_state)


def _upload(
    context, image_api, instance, guest, disk, image_id, out_format, update_task_state
) -> None:
    directory = snapshots_path() / image_id
    _remove(directory)
    directory.mkdir(parents=True)
    try:
        target = directory / "disk"
        if disk.SUPPORTS_CLONE:
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
        LOG.info("snapshot uploaded as image %s", image_id, instance=instance)
    finally:
        _remove(directory)


def _copy(instance, guest: Guest, disk: Image, target: pathlib.Path, out_format: str) -> None:
    """Through QEMU while it has the disk open, by ourselves when it has not."""
    if not guest.is_active():
        disk.snapshot_extract(target, out_format)
        return
    device = next(
        (found for found in guest.get_devices().disks if found.source_path == str(disk.path)), None
    )
    if device is None:
        raise exception.DeviceNotFound(device=blockinfo.LOCAL_ROOT)
    copy = LibvirtConfigGuestDisk(
        str(target), device.target_dev, device.target_bus, driver_format=out_format
    )
    guest.copy_disk(device.target_dev, copy, snapshot_direct.wants_rest(instance))
