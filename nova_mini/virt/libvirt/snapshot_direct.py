"""A disk in Ceph as a new image there: no data passes through Glance, nor through a file.

The disk's snapshot is cloned into the pool of Glance's images and made independent of the disk;
then Glance is told where it is. Until it is whole the copy has an unfinished name, and the image's
own from then on, so a successor finds how far it came.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.compute import task_states
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced
from nova_mini.virt.libvirt.guest import Guest
from nova_mini.virt.libvirt.imagebackend import Image

LOG = logging.getLogger(__name__)

_SNAPSHOT = "snap"  # by which Glance's rbd store knows the data of an image


@traced
def take(context, image_api, instance, guest: Guest, disk: Image, image_id, update_task_state):
    """See ``ComputeDriver.snapshot``.

    Raises ImageUnacceptable when Glance's images are elsewhere, ImageNotAuthorized and
    ImageBadRequest when Glance does not take it so: then nothing of it is left.
    """
    pool = disk.find_images_pool(context, image_api, instance.image_ref)
    if not disk.ceph.exists(image_id, pool):
        _copy(instance, guest, disk, image_id, pool)
    update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
    update_task_state(
        task_state=task_states.IMAGE_UPLOADING,
        expected_state=task_states.IMAGE_PENDING_UPLOAD,
    )
    try:
        _register(context, image_api, disk, image_id, pool)
    except (exception.ImageNotFound, exception.ImageNotAuthorized, exception.ImageBadRequest):
        disk.ceph.unmake(image_id, pool)
        raise
    LOG.info("snapshot is image %s", image_id, instance=instance)


@traced
def _copy(instance, guest: Guest, disk: Image, image_id: str, pool: str) -> None:
    ceph = disk.ceph
    ceph.remove_unfinished(image_id, pool)
    with ceph.unfinished(image_id, pool) as part:
        with snapshot(instance, guest, disk, image_id) as parent:
            ceph.clone(parent, part, pool)
            ceph.flatten(part, pool)
        ceph.create_snap(part, _SNAPSHOT, pool, protect=True)


@contextlib.contextmanager
def snapshot(instance, guest: Guest, disk: Image, name: str) -> Iterator:
    """The disk as it is at this moment, at which the guest's file systems are at rest if its image
    wants that. Gives its place."""
    with contextlib.ExitStack() as stack:
        with guest.at_rest(wants_rest(instance) and guest.is_active()):
            place = stack.enter_context(disk.snapshot(name))
        yield place


def wants_rest(instance) -> bool:
    return ImageMeta.from_instance(instance).get_bool("os_require_quiesce")


@traced
def _register(context, image_api, disk: Image, image_id: str, pool: str) -> None:
    image_api.update(context, image_id, disk_format=disk.driver_format, container_format="bare")
    image_api.add_location(context, image_id, disk.url(image_id, pool, _SNAPSHOT))
