"""Delete a server that is on this host."""

from __future__ import annotations

from collections.abc import Sequence

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.compute import shelved_image, unfinished_images, volume_cleanup
from nova_mini.compute.operation import block_device_mappings
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device

LOG = logging.getLogger(__name__)


@traced
def delete_instance(manager, context, instance, image_ids: Sequence[str]) -> None:
    """Every step may find its work done already; the record goes last, so none is forgotten.

    ``image_ids``: images of the server that were being made when it was to be deleted.
    """
    notify_about_instance_usage(context, instance, "delete.start")
    shutdown_instance(manager, context, instance, image_ids)
    complete_deletion(manager, context, instance)


@traced
def shutdown_instance(manager, context, instance, image_ids: Sequence[str]) -> None:
    """The domain, its disks and its VIFs; then the ports, the images and the volumes."""
    bdms = block_device_mappings()
    manager.driver.destroy(
        context,
        instance,
        instance.network_info,
        driver_block_device.get_block_device_info(instance, bdms),
    )
    deallocate_network(manager, context, instance)
    for image_id in image_ids:
        _discard_image(manager, context, instance, image_id)
    delete_shelved_image(manager, context, instance)
    volume_cleanup.cleanup_volumes(manager.volume_api, context, instance, bdms)


@traced
def deallocate_network(manager, context, instance) -> None:
    manager.network_api.deallocate_for_instance(context, instance)


@traced
def delete_shelved_image(manager, context, instance) -> None:
    """Whole or not; a server that is not shelved has none."""
    image_id = shelved_image.id_of(instance)
    if image_id:
        _discard_image(manager, context, instance, image_id)
        shelved_image.delete(manager.image_api, context, instance)


def _discard_image(manager, context, instance, image_id: str) -> None:
    """Before the volumes, of which it may have snapshots. What cannot go now is left to the
    conductors' rounds."""

    def discard_copy() -> None:
        if instance.image_ref:
            manager.driver.discard_copy(context, image_id, instance.image_ref)

    try:
        unfinished_images.discard(
            image_id, manager.image_api, lambda: manager.volume_api, discard_copy
        )
    except exception.NovaException as exc:
        LOG.warning("Image %s, which nobody finishes, stays for now: %s", image_id, exc)


@traced
def complete_deletion(manager, context, instance) -> None:
    """The end of the record gives back quota and allocation, in one transaction with the end of the
    operation."""
    manager.rt.release(instance.uuid)
    notify_about_instance_usage(context, instance, "delete.end")
    instance.deleted = True
