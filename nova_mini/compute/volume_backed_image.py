"""Images of servers that run from volumes: snapshots of the volumes, and a record that names them.

Such an image has no data. Its properties say which disks a server gets that is made from it.
"""

from __future__ import annotations

import io
import json

from nova_mini import exception
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced

MAPPINGS, IS_V2 = "block_device_mapping", "bdm_v2"

_KEPT = ("boot_index", "device_type", "disk_bus", "guest_format", "tag", "delete_on_termination")


@traced
def make_image(
    context, volume_api, image_api, bdms: list[BlockDeviceMapping], record: dict
) -> None:
    """Snapshot every volume and make ``record`` (of ``snapshot_request``) an image of them.

    When Cinder or Glance refuses, what was made is gone again and their error is raised.
    """
    snapshots = []
    try:
        for bdm in bdms:
            name = f"snapshot for {record['name']}"
            snapshots.append(volume_api.create_snapshot(context, bdm.volume_id, name))
        mappings = [_mapping(bdm, made) for bdm, made in zip(bdms, snapshots, strict=True)]
        described = {
            "container_format": "bare",
            "disk_format": "raw",
            **record,
            MAPPINGS: json.dumps(mappings),
            IS_V2: "True",
        }
        image_api.create(context, described)
        image_api.upload(context, record["id"], io.BytesIO(b""))
    except exception.NovaException:
        image_api.delete(context, record["id"])
        for made in snapshots:
            volume_api.delete_snapshot(context, made.id)
        raise


def _mapping(bdm: BlockDeviceMapping, snapshot) -> dict:
    return {
        **{name: getattr(bdm, name) for name in _KEPT},
        "source_type": "snapshot",
        "destination_type": "volume",
        "snapshot_id": snapshot.id,
        "volume_size": snapshot.size,
    }


def mappings_of(image: ImageMeta) -> list[dict]:
    """The disks that an image says, as ``block_device_mapping_v2`` has them; none for others.

    Raises InvalidBDM for what cannot be read: properties are their users' words.
    """
    told = image.properties.get(MAPPINGS)
    if told is None or not image.get_bool(IS_V2):
        return []
    try:
        items = json.loads(told)
    except ValueError as exc:
        raise exception.InvalidBDM(reason=f"{MAPPINGS} of the image is not JSON") from exc
    return [_checked(item) for item in items] if isinstance(items, list) else []


def _checked(item) -> dict:
    if not isinstance(item, dict) or item.get("source_type") != "snapshot":
        raise exception.InvalidBDM(reason=f"{MAPPINGS} of the image must name snapshots alone")
    numbers = {name: item.get(name) for name in ("boot_index", "volume_size")}
    if not all(value is None or isinstance(value, int) for value in numbers.values()):
        raise exception.InvalidBDM(reason=f"numbers in {MAPPINGS} of the image must be such")
    texts = ("device_type", "disk_bus", "guest_format", "tag", "snapshot_id")
    words = {name: None if item.get(name) is None else str(item[name])[:36] for name in texts}
    return {
        **numbers,
        **words,
        "source_type": "snapshot",
        "destination_type": "volume",
        "delete_on_termination": item.get("delete_on_termination") is True,
    }
