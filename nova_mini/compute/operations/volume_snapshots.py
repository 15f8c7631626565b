"""Images of volume-backed servers: a snapshot of each volume, and an image that names them.

Creating a snapshot in the user's project needs the user's token, which is lost in a crash. A
repeated operation finds the snapshots made before by their metadata.
"""

from __future__ import annotations

import io
import time

from nova_mini import exception
from nova_mini.actions.errors import OWNERSHIP_LOST
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.conf import CONF
from nova_mini.external import volume_backed_image
from nova_mini.trace import traced
from nova_mini.volume import creation


@traced("take")
def take(op: HostOperation, image_id: str) -> None:
    """Fill the image ``image_id``, which is queued in Glance. On failure, delete the snapshots."""
    bdms = op.block_device_mappings
    with op.compensate(lambda: _roll_back(op, image_id), also_on=OWNERSHIP_LOST):
        snapshots = _snapshot_volumes(op.host.volume_api, op.context, op.instance, bdms, image_id)
        described = volume_backed_image.describe(bdms, snapshots)
        _fill_image(op.host.image_api, op.context, op.instance, image_id, described)


@traced("_snapshot_volumes")
def _snapshot_volumes(volume_api, context, instance, bdms, image_id: str) -> dict:
    """Return volume id -> available snapshot, for all volumes.

    Raises InvalidInput if a snapshot is missing and the user's token is lost.
    """
    found = volume_api.snapshots_of_image(context, image_id)
    made = {each.volume_id: each for each in found}
    for bdm in bdms:
        if bdm.is_volume and bdm.volume_id not in made:
            if not context.auth_token and CONF.api.auth_strategy != "noauth2":
                raise exception.InvalidInput(
                    reason="it was interrupted before all volumes had a snapshot; request it again"
                )
            name = f"snapshot of {instance.display_name}"
            made[bdm.volume_id] = volume_api.create_snapshot(
                context, bdm.volume_id, name, image_id=image_id
            )
    return {volume_id: _await(volume_api, context, each) for volume_id, each in made.items()}


def _await(volume_api, context, snapshot):
    for _ in range(CONF.cinder.block_device_allocate_retries):
        if snapshot.status != "creating" or creation.has_timed_out(snapshot):
            break
        time.sleep(CONF.cinder.block_device_allocate_retries_interval)
        snapshot = volume_api.get_snapshot(context, snapshot.id)
    if snapshot.status != "available":
        raise exception.InvalidVolume(reason=f"its snapshot {snapshot.id} is {snapshot.status}")
    return snapshot


@traced("_fill_image")
def _fill_image(image_api, context, instance, image_id: str, described: dict) -> None:
    image_api.update(
        context,
        image_id,
        disk_format="raw",
        container_format="bare",
        root_device_name=instance.root_device_name,
        **described,
    )
    image_api.upload(context, image_id, io.BytesIO(b""))


@traced("_take_back")
def _roll_back(op: HostOperation, image_id: str) -> None:
    for each in op.host.volume_api.snapshots_of_image(op.context, image_id):
        creation.discard_snapshot(op.context, op.host.volume_api, each)
    op.host.image_api.delete(op.context, image_id)
