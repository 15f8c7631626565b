"""Images of volume-backed servers: they have no data, but name the disks of a new server."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nova_mini import exception
from nova_mini.external import block_device_schema as schema
from nova_mini.external import legacy_block_devices
from nova_mini.external.block_device_schema import RequestedDisk
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.image_meta import ImageMeta

if TYPE_CHECKING:
    from nova_mini.volume import cinder

MAPPINGS, IS_V2, VIRTUAL_DEVICES = "block_device_mapping", "bdm_v2", "mappings"

_COPIED_FIELDS = (
    "boot_index",
    "device_name",
    "device_type",
    "disk_bus",
    "guest_format",
    "tag",
    "delete_on_termination",
)


def describe(
    bdms: Iterable[BlockDeviceMapping], snapshots: dict[str, cinder.Snapshot]
) -> dict[str, str]:
    """Return the properties of an image with the volumes and the empty disks of a server.

    ``snapshots``: volume id -> its snapshot in Cinder.
    """
    mappings = [
        _of_volume(bdm, snapshots[bdm.volume_id]) if bdm.is_volume else _of_blank(bdm)
        for bdm in bdms
        if bdm.is_volume or bdm.source_type == "blank"
    ]
    return {MAPPINGS: json.dumps(mappings), IS_V2: "True"}


def _of_volume(bdm: BlockDeviceMapping, snapshot: cinder.Snapshot) -> dict[str, Any]:
    return {
        **{name: getattr(bdm, name) for name in _COPIED_FIELDS},
        "source_type": "snapshot",
        "destination_type": "volume",
        "snapshot_id": snapshot.id,
        "volume_size": snapshot.size,
    }


def _of_blank(bdm: BlockDeviceMapping) -> dict[str, Any]:
    return {
        **{name: getattr(bdm, name) for name in _COPIED_FIELDS},
        "source_type": "blank",
        "destination_type": "local",
        "volume_size": bdm.volume_size,
    }


def mappings_of(image: ImageMeta) -> list[RequestedDisk]:
    """Return the disks that an image names, as ``block_device_mapping_v2``; mostly none.

    Users can write the properties of images, so they are checked like a request. Raises InvalidBDM.
    """
    mappings, virtual = _read(image, MAPPINGS), _read(image, VIRTUAL_DEVICES)
    if image.get_bool(IS_V2):
        disks = schema.check(schema.V2, mappings, f"{MAPPINGS} of the image")
    else:
        legacy = schema.check(schema.LEGACY, mappings, f"{MAPPINGS} of the image")
        disks = legacy_block_devices.to_v2(legacy, None)
    empty = schema.check(schema.VIRTUAL_DEVICES, virtual, f"{VIRTUAL_DEVICES} of the image")
    return merge(legacy_block_devices.of_virtual_devices(empty), disks)


def merge(disks: list[RequestedDisk], over: list[RequestedDisk]) -> list[RequestedDisk]:
    """Return all of ``over``, and those of ``disks`` with other device names."""
    used = {disk.get("device_name") for disk in over} - {None}
    return [disk for disk in disks if disk.get("device_name") not in used] + over


def has_root(disks: list[RequestedDisk]) -> bool:
    """Whether one of the disks is a root disk."""
    return any(str(disk.get("boot_index")) == "0" for disk in disks)


def _read(image: ImageMeta, name: str) -> object:
    """Return the value of a property in JSON. Raises InvalidBDM."""
    try:
        return _without_nulls(json.loads(image.properties.get(name) or "[]"))
    except (ValueError, RecursionError) as exc:
        raise exception.InvalidBDM(reason=f"{name} of the image is not JSON") from exc


def _without_nulls(items: object) -> object:
    """Remove the nulls: images have a null for each field of a disk that is not set."""
    if not isinstance(items, list):
        return items
    return [
        {name: value for name, value in item.items() if value is not None}
        if isinstance(item, dict)
        else item
        for item in items
    ]
