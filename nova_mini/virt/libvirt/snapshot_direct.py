"""Make an image from a disk in Ceph inside the cluster: the data passes neither through Glance nor
through a file.

A snapshot of the disk is cloned into the pool of Glance's images and made independent of the disk;
then its location is registered in Glance. The copy has an unfinished name until it is complete, so
a process that resumes the operation knows whether the copy is complete.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.states import task_states
from nova_mini.trace import traced
from nova_mini.virt.libvirt.guest import Guest

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.imagebackend.rbd import Rbd
    from nova_mini.virt.libvirt.storage.rbd_utils import Location

LOG = logging.getLogger(__name__)

_SNAPSHOT = "snap"  # the snapshot name that Glance's rbd store uses


@traced("take")
def take(
    context: RequestContext,
    image_api: glance.API,
    instance: Instance,
    guest: Guest,
    disk: Rbd,
    image_id: str,
    update_task_state: Callable[..., None],
) -> None:
    """See ``ComputeDriver.snapshot``.

    Raises ImageUnacceptable when Glance's images are not in this cluster, ImageNotAuthorized and
    ImageBadRequest when Glance refuses the location. The copy is removed then.
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
        disk.ceph.rename_and_remove(image_id, pool)
        raise
    LOG.info("Snapshot copied inside Ceph as image %s", image_id, instance=instance)


@traced("_copy")
def _copy(instance, guest: Guest, disk: Rbd, image_id: str, pool: str) -> None:
    ceph = disk.ceph
    ceph.remove_unfinished(image_id, pool)
    with ceph.unfinished(image_id, pool) as part:
        with snapshot(instance, guest, disk, image_id) as parent:
            ceph.clone(parent, part, pool)
            ceph.flatten(part, pool)
        ceph.create_snap(part, _SNAPSHOT, pool, protect=True)


@contextlib.contextmanager
def snapshot(instance: Instance, guest: Guest, disk: Rbd, name: str) -> Iterator[Location]:
    """Context manager: a snapshot of the disk, as its location. If the image requires it, the
    guest's file systems are frozen while the snapshot is made."""
    with contextlib.ExitStack() as stack:
        with guest.quiesced(requires_quiesce(instance) and guest.is_active()):
            location = stack.enter_context(disk.snapshot(name))
        yield location


def requires_quiesce(instance: Instance) -> bool:
    return ImageMeta.from_instance(instance).get_bool("os_require_quiesce")


@traced("_register")
def _register(context, image_api, disk: Rbd, image_id: str, pool: str) -> None:
    image_api.update(context, image_id, disk_format=disk.driver_format, container_format="bare")
    image_api.add_location(context, image_id, disk.url(image_id, pool, _SNAPSHOT))
