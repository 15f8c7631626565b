"""Let Cinder write an image to a volume that is a root disk.

Cinder reimages only volumes that no host has connected. Meanwhile a new attachment without a
connector keeps the volume reserved for the server.
"""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import attached_volumes
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.trace import traced
from nova_mini.virt.block_device_volumes import driver_block_device

_EVENT = "volume-reimaged"
_RESERVED = "reserved"  # a volume that no host has connected


@traced("reimage")
def reimage(op: HostOperation, bdm: BlockDeviceMapping, image_id: str) -> None:
    """Reimage the volume of a server without a guest, and connect it to this host again.

    Repeated after a crash, the image is written again. Raises VolumeReimageFailed.
    """
    driver_block_device(bdm).replace_with_reservation(op.context, op.instance, op.host.volume_api)
    _await_image(op, bdm, image_id)
    attached_volumes.connect_volume(op, bdm)


@traced("_await_image")
def _await_image(op: HostOperation, bdm: BlockDeviceMapping, image_id: str) -> None:
    def failed(reason: str) -> exception.VolumeReimageFailed:
        return exception.VolumeReimageFailed(
            volume_id=bdm.volume_id, image_id=image_id, reason=reason
        )

    def on_failure(_event, _instance):
        raise failed("Cinder could not write it")

    volume = op.host.volume_api.get(op.context, bdm.volume_id)
    try:
        with op.host.virtapi.wait_for_instance_event(
            op.instance,
            [(_EVENT, bdm.volume_id)],
            deadline=CONF.reimage_timeout_per_gb * volume.size,
            error_callback=on_failure,
        ):
            if volume.status != "downloading":  # begun before a crash
                op.host.volume_api.reimage(op.context, bdm.volume_id, image_id)
    except TimeoutError as exc:
        raise failed("Cinder did not finish in time") from exc
    volume = op.host.volume_api.get(op.context, bdm.volume_id)
    if volume.status != _RESERVED:
        raise failed(f"its status is {volume.status}")
