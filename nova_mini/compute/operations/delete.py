"""Delete a server that is on this host."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from oslo_log import log as logging

from nova_mini import exception
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.external import shelved_image, unfinished_images, volume_cleanup, vtpm_key
from nova_mini.objects.migration import Migration
from nova_mini.rpcapi.compute import ComputeAPI
from nova_mini.trace import traced
from nova_mini.virt import block_device as driver_block_device

LOG = logging.getLogger(__name__)


@traced("delete_instance")
def delete_instance(op: HostOperation, image_ids: Sequence[str]) -> None:
    """Delete the server; idempotent. The record is deleted last, so that no step is skipped.

    ``image_ids``: images of the server that were unfinished when the delete was requested.
    """
    op.notify_usage()
    op.notify("delete.start")
    others = Migration.get_hosts_beside(op.context, op.instance)
    op.notify("shutdown.start")
    shutdown_instance(op, image_ids)
    op.notify("shutdown.end")
    complete_deletion(op)
    for host in others:
        op.when_finished(functools.partial(_remove_orphans, op, host))


def _remove_orphans(op: HostOperation, host: str) -> None:
    ComputeAPI().remove_orphans(op.context, host, op.instance.uuid)


@traced("shutdown_instance")
def shutdown_instance(op: HostOperation, image_ids: Sequence[str]) -> None:
    """Remove the domain, its disks and VIFs; then the ports, the images and the volumes."""
    bdms = op.block_device_mappings
    op.host.driver.destroy(
        op.context,
        op.instance,
        op.instance.network_info,
        driver_block_device.get_block_device_info(bdms),
    )
    deallocate_network(op)
    for image_id in image_ids:
        _discard_image(op, image_id)
    delete_shelved_image(op)
    vtpm_key.discard(op.host.passphrases, op.context, op.instance)
    volume_cleanup.cleanup_volumes(op.host.volume_api, op.context, op.instance, bdms)


@traced("deallocate_network")
def deallocate_network(op: HostOperation) -> None:
    op.host.network_api.deallocate_for_instance(op.context, op.instance)


@traced("delete_shelved_image")
def delete_shelved_image(op: HostOperation) -> None:
    """Delete the image of a shelved server, also one that is not complete."""
    image_id = shelved_image.id_of(op.instance)
    if image_id:
        _discard_image(op, image_id)
        shelved_image.delete(op.host.image_api, op.context, op.instance)


def _discard_image(op: HostOperation, image_id: str) -> None:
    """Discard an unfinished image. Before the volumes, because Cinder deletes no volume that has
    snapshots. On an error, a periodic task of the conductors tries again."""

    def discard_copy() -> None:
        if op.instance.image_ref:
            op.host.driver.discard_copy(op.context, image_id, op.instance.image_ref)

    try:
        unfinished_images.discard(
            image_id, op.host.image_api, lambda: op.host.volume_api, discard_copy
        )
    except exception.NovaException as exc:
        LOG.warning("Image %s: could not discard the unfinished image: %s", image_id, exc)


@traced("complete_deletion")
def complete_deletion(op: HostOperation) -> None:
    """Mark the server as deleted. The save at the end of the action also releases its quota and
    allocation, in one transaction."""
    op.host.rt.release(op.instance.uuid)
    op.notify("delete.end")
    op.instance.deleted = True
