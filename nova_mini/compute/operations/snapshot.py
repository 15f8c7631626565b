"""Make an image of a server's root disk."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import volume_snapshots
from nova_mini.states import task_states
from nova_mini.trace import traced


@traced("snapshot")
def snapshot(op: HostOperation, image_id: str) -> None:
    """Fill the image ``image_id``, which is queued in Glance; idempotent.

    On failure the image is deleted. If the user has deleted the image meanwhile, the operation ends
    without an error.
    """
    image = {"snapshot_image_id": image_id}
    op.notify("snapshot.start", versioned_fields=image)
    try:
        if op.host.image_api.get(op.context, image_id).status != "active":
            _take(op, image_id)
    except exception.ImageNotFound:
        pass  # the user has deleted it
    op.instance.task_state = None
    op.notify("snapshot.end", versioned_fields=image)


def _take(op: HostOperation, image_id: str) -> None:
    def update_task_state(task_state, expected_state=task_states.IMAGE_SNAPSHOT):
        op.instance.task_state = task_state
        op.instance.save()

    def delete_image() -> None:
        op.host.image_api.delete(op.context, image_id)

    with op.compensate(delete_image, also_on=(exception.InstanceNotFound,)):
        op.instance.task_state = task_states.IMAGE_SNAPSHOT
        op.instance.save()
        if op.instance.is_volume_backed:
            volume_snapshots.take(op, image_id)
        else:
            op.host.driver.snapshot(op.context, op.instance, image_id, update_task_state)
