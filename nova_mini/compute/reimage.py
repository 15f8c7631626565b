"""Give a root disk that is a volume the content of an image: Cinder does it.

Cinder overwrites only what no host has connected: the server keeps the volume by an attachment that
nobody has connected yet, and has it again when the image is in it.
"""

from __future__ import annotations

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.trace import traced
from nova_mini.virt.block_device_volumes import driver_block_device

_EVENT = "volume-reimaged"
_RESERVED = "reserved"  # a volume, or an attachment, that nobody has connected


@traced
def reimage(manager, context, instance, bdm: BlockDeviceMapping, image_id: str) -> None:
    """For a server whose guest is gone; its volume is connected to this host at the end.

    Done again after a crash the volume gets the image again. Raises VolumeReimageFailed.
    """
    _reserve(manager.volume_api, context, instance, bdm)
    _await_image(manager, context, instance, bdm, image_id)
    driver_block_device(bdm).attach(context, instance, manager.volume_api, manager.driver)


@traced
def _reserve(volume_api, context, instance, bdm: BlockDeviceMapping) -> None:
    """A fresh attachment is made and on record before the old one goes: the volume is the server's
    all the time."""
    known = [
        each
        for each in volume_api.attachments_of(context, instance.uuid)
        if each.volume_id == bdm.volume_id
    ]
    free = [each for each in known if each.status == _RESERVED]
    kept = free[0] if free else volume_api.attachment_create(context, bdm.volume_id, instance.uuid)
    bdm.attachment_id, bdm.connection_info = kept.id, None
    bdm.save()
    for each in known:
        if each.id != kept.id:
            volume_api.attachment_delete(context, each.id)


@traced
def _await_image(manager, context, instance, bdm: BlockDeviceMapping, image_id: str) -> None:
    def failed(reason: str) -> exception.VolumeReimageFailed:
        return exception.VolumeReimageFailed(
            volume_id=bdm.volume_id, image_id=image_id, reason=reason
        )

    def on_failure(_event, _instance):
        raise failed("Cinder could not write it")

    volume = manager.volume_api.get(context, bdm.volume_id)
    try:
        with manager.virtapi.wait_for_instance_event(
            instance,
            [(_EVENT, bdm.volume_id)],
            deadline=CONF.reimage_timeout_per_gb * volume.size,
            error_callback=on_failure,
        ):
            if volume.status != "downloading":  # it may be at it since before a crash
                manager.volume_api.reimage(context, bdm.volume_id, image_id)
    except TimeoutError as exc:
        raise failed("Cinder did not finish in time") from exc
    volume = manager.volume_api.get(context, bdm.volume_id)
    if volume.status != _RESERVED:
        raise failed(f"its status is {volume.status}")
