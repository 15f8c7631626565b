"""What a server that goes leaves in the volume service: nothing that was only its own."""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.trace import traced
from nova_mini.volume import creation

LOG = logging.getLogger(__name__)


@traced
def cleanup_volumes(volume_api, context, instance, bdms) -> None:
    """No attachment of the server is left, and no volume that was to go with it; all others stay.

    For the computes and the conductors, whose records of the disks go only after this: it may be
    done again. A volume that Cinder will not delete (it has snapshots) stays its user's. Raises
    ActionInterrupted while one that is to go is still being made.
    """
    bdms = [bdm for bdm in bdms if bdm.is_volume]
    if not bdms:
        return
    known = [bdm.attachment_id for bdm in bdms if bdm.attachment_id]
    found = [each.id for each in volume_api.attachments_of(context, instance.uuid)]
    for attachment_id in dict.fromkeys(known + found):
        volume_api.attachment_delete(context, attachment_id)
    for bdm in bdms:
        if bdm.delete_on_termination:
            _delete_volume(volume_api, context, instance, bdm)


def _delete_volume(volume_api, context, instance, bdm) -> None:
    volume_id = bdm.volume_id
    if volume_id is None:  # made, perhaps, by a build that did not live to tell
        made = volume_api.find_made_for(context, bdm.uuid)
        volume_id = made.id if made else None
    if volume_id is None:
        return
    try:
        creation.discard(context, volume_api, volume_id)
    except (exception.InvalidVolume, exception.VolumeAccessDenied) as exc:
        LOG.warning("Volume %s of instance %s stays: %s", volume_id, instance.uuid, exc)
