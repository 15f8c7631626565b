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
_RESERVED = "reserved"  # a volume that nobody has connected


@traced
def reimage(manager, context, instance, bdm: BlockDeviceMapping, image_id: str) -> None:
    """For a server whose guest is gone; its volume is connected to this host at the end.

    Done again after a crash the volume gets the image again. Raises VolumeReimageFailed.
    """
    driver_block_device(bdm).keep_reserved(context, instance, manager.volume_api)
    _await_image(manager, context, instance, bdm, image_id)
    driver_block_device(bdm).attach(context, instance, manager.volume_api, manager.driver)


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
