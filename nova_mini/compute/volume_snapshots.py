"""An image of a server that runs from volumes: a snapshot of each, and a record that names them.

Only the user's token can make a snapshot in the user's project, and it is gone when this is done
again after a crash: what was made till then is found by its metadata, and used if it is enough.
"""

from __future__ import annotations

import io
import time

from nova_mini import exception
from nova_mini.compute import volume_backed_image
from nova_mini.compute.operation import LOST, block_device_mappings, will_be_tried_again
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.volume import creation


@traced
def take(manager, context, instance, image_id: str) -> None:
    """Fill the image ``image_id`` (queued in Glance). When it cannot be, no snapshot stays."""
    bdms = block_device_mappings()
    try:
        snapshots = _snapshot_volumes(manager.volume_api, context, instance, bdms, image_id)
        described = volume_backed_image.describe(bdms, snapshots)
        _fill_image(manager.image_api, context, instance, image_id, described)
    except Exception as exc:
        if isinstance(exc, LOST) or not will_be_tried_again(exc):
            _take_back(manager, context, image_id)
        raise


@traced
def _snapshot_volumes(volume_api, context, instance, bdms, image_id: str) -> dict:
    """volume id -> its snapshot; all of them are there for good."""
    found = volume_api.snapshots_made_for(context, image_id)
    made = {each.volume_id: each for each in found}
    for bdm in bdms:
        if bdm.is_volume and bdm.volume_id not in made:
            if not context.auth_token and CONF.api.auth_strategy != "noauth2":
                raise exception.InvalidInput(
                    reason="it was interrupted before all volumes had a snapshot; ask again"
                )
            name = f"snapshot of {instance.display_name}"
            made[bdm.volume_id] = volume_api.create_snapshot(
                context, bdm.volume_id, name, made_for=image_id
            )
    return {volume_id: _await(volume_api, context, each) for volume_id, each in made.items()}


def _await(volume_api, context, snapshot):
    for _ in range(CONF.cinder.block_device_allocate_retries):
        if snapshot.status != "creating" or creation.is_lost(snapshot):
            break
        time.sleep(CONF.cinder.block_device_allocate_retries_interval)
        snapshot = volume_api.get_snapshot(context, snapshot.id)
    if snapshot.status != "available":
        raise exception.InvalidVolume(reason=f"its snapshot {snapshot.id} is {snapshot.status}")
    return snapshot


@traced
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


@traced
def _take_back(manager, context, image_id: str) -> None:
    for each in manager.volume_api.snapshots_made_for(context, image_id):
        creation.discard_snapshot(context, manager.volume_api, each)
    manager.image_api.delete(context, image_id)
