"""Removes the attachments and volumes of a server that is deleted."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from nova_mini import exception
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced
from nova_mini.volume import cinder, creation

LOG = logging.getLogger(__name__)


@traced("cleanup_volumes")
def cleanup_volumes(
    volume_api: cinder.API,
    context: RequestContext,
    instance: Instance,
    bdms: Iterable[BlockDeviceMapping],
) -> None:
    """Delete all attachments of a server, and its volumes with delete_on_termination; idempotent.

    Called by computes and conductors before they delete the records of the disks. A volume that
    Cinder refuses to delete, because it has snapshots, stays. Raises ActionInterrupted while a
    volume to be deleted is still being created.
    """
    bdms = [bdm for bdm in bdms if bdm.is_volume]
    if not bdms:
        return
    recorded = [bdm.attachment_id for bdm in bdms if bdm.attachment_id]
    found = [each.id for each in volume_api.attachments_of(context, instance.uuid)]
    for attachment_id in dict.fromkeys(recorded + found):
        volume_api.attachment_delete(context, attachment_id)
    for bdm in bdms:
        if bdm.delete_on_termination:
            _delete_volume(volume_api, context, instance, bdm)


def _delete_volume(
    volume_api: cinder.API, context: RequestContext, instance: Instance, bdm: BlockDeviceMapping
) -> None:
    volume_id = bdm.volume_id
    if volume_id is None:  # perhaps created by a build that died before it saved the id
        volume = volume_api.find_by_mapping(context, bdm.uuid)
        volume_id = volume.id if volume else None
    if volume_id is None:
        return
    try:
        creation.discard(context, volume_api, volume_id)
    except (exception.InvalidVolume, exception.VolumeAccessDenied) as exc:
        LOG.warning("Instance %s: could not delete volume %s: %s", instance.uuid, volume_id, exc)
