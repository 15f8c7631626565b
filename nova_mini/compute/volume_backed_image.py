"""Images of servers that run from volumes: they have no data, and say which disks a server gets
that is made from them.
"""

from __future__ import annotations

import json

from nova_mini import exception
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.image_meta import ImageMeta

MAPPINGS, IS_V2 = "block_device_mapping", "bdm_v2"

_KEPT = ("boot_index", "device_name", "device_type", "disk_bus", "guest_format", "tag",
         "delete_on_termination")  # fmt: skip
_TEXTS = {"device_name": 255, "device_type": 36, "disk_bus": 36, "guest_format": 36, "tag": 60}


def describe(bdms: list[BlockDeviceMapping], snapshots: dict[str, object]) -> dict[str, str]:
    """The properties of such an image; ``snapshots``: volume id -> its snapshot in Cinder. Empty
    disks of the host are remembered as well."""
    mappings = [
        _of_volume(bdm, snapshots[bdm.volume_id]) if bdm.is_volume else _of_blank(bdm)
        for bdm in bdms
        if bdm.is_volume or bdm.source_type == "blank"
    ]
    return {MAPPINGS: json.dumps(mappings), IS_V2: "True"}


def _of_volume(bdm: BlockDeviceMapping, snapshot) -> dict:
    return {
        **{name: getattr(bdm, name) for name in _KEPT},
        "source_type": "snapshot",
        "destination_type": "volume",
        "snapshot_id": snapshot.id,
        "volume_size": snapshot.size,
    }


def _of_blank(bdm: BlockDeviceMapping) -> dict:
    return {
        **{name: getattr(bdm, name) for name in _KEPT},
        "source_type": "blank",
        "destination_type": "local",
        "volume_size": bdm.volume_size,
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
    places = {"snapshot": "volume", "blank": "local"}
    if not isinstance(item, dict) or item.get("source_type") not in places:
        raise exception.InvalidBDM(
            reason=f"{MAPPINGS} of the image must name snapshots and blank disks alone"
        )
    numbers = {name: item.get(name) for name in ("boot_index", "volume_size")}
    if not all(value is None or isinstance(value, int) for value in numbers.values()):
        raise exception.InvalidBDM(reason=f"numbers in {MAPPINGS} of the image must be such")
    words = {name: _text(item.get(name), limit) for name, limit in _TEXTS.items()}
    return {
        **numbers,
        **words,
        "snapshot_id": _text(item.get("snapshot_id"), 36),
        "source_type": item["source_type"],
        "destination_type": places[item["source_type"]],
        "delete_on_termination": item.get("delete_on_termination") is True,
    }


def _text(value, limit: int) -> str | None:
    return None if value is None else str(value)[:limit]
