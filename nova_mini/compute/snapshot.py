"""Make an image of a server's root disk."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute import task_states, volume_snapshots
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.trace import traced


@traced
def snapshot(manager, context, instance, image_id: str) -> None:
    """``image_id`` is queued in Glance; it is active at the end, or gone when the snapshot failed.

    Done again after a crash it finds the image active (done), or still queued (again). An image
    that its user has deleted meanwhile ends it without an error.
    """
    notify_about_instance_usage(context, instance, "snapshot.start")
    try:
        if manager.image_api.get(context, image_id).status != "active":
            _take(manager, context, instance, image_id)
    except exception.ImageNotFound:
        pass  # the user does not want it any more
    instance.task_state = None
    notify_about_instance_usage(context, instance, "snapshot.end")


def _take(manager, context, instance, image_id: str) -> None:
    def update_task_state(task_state, expected_state=task_states.IMAGE_SNAPSHOT):
        instance.task_state = task_state
        instance.save()

    try:
        instance.task_state = task_states.IMAGE_SNAPSHOT
        instance.save()
        if instance.is_volume_backed:
            volume_snapshots.take(manager, context, instance, image_id)
        else:
            manager.driver.snapshot(context, instance, image_id, update_task_state)
    except (exception.Invalid, exception.InstanceNotFound, exception.ImageQuotaExceeded):
        manager.image_api.delete(context, image_id)
        raise
