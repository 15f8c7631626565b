"""The disks of a new server: what its image and flavor give it, and what its user asks for.

A mapping is a dict with the fields of ``objects.BlockDeviceMapping``. Sizes are GiB, of swap MiB.
"""

from __future__ import annotations

from oslo_utils import strutils, uuidutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.flavor import Flavor

SWAP = "swap"
LOCAL, VOLUME = "local", "volume"

_ASKED_FIELDS = ("guest_format", "device_type", "disk_bus", "boot_index", "device_name", "tag")
# source_type -> the field that its uuid goes to
_SOURCE_FIELDS = {"image": "image_id", "volume": "volume_id", "snapshot": "snapshot_id"}
_FIELDS = (*_ASKED_FIELDS, *_SOURCE_FIELDS.values(), "volume_size", "volume_type")


def build_mappings(asked: list[dict], image_id: str | None, flavor: Flavor) -> list[dict]:
    """Every disk of a server, root first.

    ``asked`` is ``block_device_mapping_v2`` as its schema let it in; where it does not speak of
    root disk, ephemeral disks or swap, image and flavor say. Raises InvalidBDM.
    """
    wanted = [_mapping(item, image_id, flavor) for item in asked if not item.get("no_device")]
    if wanted:
        _check_boot_order(wanted)
    else:
        wanted = [_local(source_type="image", image_id=image_id, boot_index=0, device_type="disk")]
    _check_root(wanted, image_id)
    _check_fits(wanted, flavor)
    if flavor.ephemeral_gb and not _ephemerals(wanted):
        wanted.append(_blank(CONF.default_ephemeral_format, flavor.ephemeral_gb))
    if flavor.swap and not _swaps(wanted):
        wanted.append(_blank(SWAP, flavor.swap))
    return sorted(wanted, key=lambda mapping: mapping["boot_index"] != 0)


def _local(**fields) -> dict:
    """A disk of the host; it goes when the server goes."""
    unset = dict.fromkeys(_FIELDS)
    return {**unset, "destination_type": LOCAL, "delete_on_termination": True, **fields}


def _blank(guest_format: str | None, size: int) -> dict:
    return _local(
        source_type="blank",
        guest_format=guest_format,
        volume_size=size,
        boot_index=-1,
        device_type="disk",
    )


def _mapping(item: dict, image_id: str | None, flavor: Flavor) -> dict:
    source = item.get("source_type")
    if source is None:
        raise exception.InvalidBDM(reason="each disk must have a source_type")
    fields = {name: item.get(name) for name in _ASKED_FIELDS}
    fields["boot_index"] = _boot_index(item)
    fields["device_type"] = fields["device_type"] or "disk"
    default = VOLUME if source in ("volume", "snapshot") else LOCAL
    if item.get("destination_type", default) == VOLUME:
        return _volume(item, source, fields)
    if item.get("volume_type"):
        raise exception.InvalidBDM(reason="a disk of the host has no volume_type")
    if source in ("volume", "snapshot"):
        raise exception.InvalidBDM(
            reason=f"source_type {source} needs destination_type volume, not local"
        )
    if source == "image":
        return _root_image(item, image_id, fields)
    size = _size(item)
    if size is None:
        size = flavor.swap if fields["guest_format"] == SWAP else flavor.ephemeral_gb
    return _local(source_type="blank", volume_size=size, **fields)


def _root_image(item: dict, image_id: str | None, fields: dict) -> dict:
    if fields["boot_index"] != 0 or item.get("uuid") != image_id:
        raise exception.InvalidBDM(
            reason="an image can be mapped to a local disk only as the root disk: with "
            "boot_index 0 and the uuid of imageRef"
        )
    return _local(source_type="image", image_id=image_id, **fields)


def _volume(item: dict, source: str, fields: dict) -> dict:
    size, volume_type = _size(item), item.get("volume_type")
    if fields["guest_format"] == SWAP:
        raise exception.InvalidBDM(reason="swap is a disk of the host: destination_type local")
    if volume_type and source == "volume":
        raise exception.InvalidBDM(reason="a volume that is there has its volume_type already")
    if source in ("image", "blank") and not size:
        raise exception.InvalidBDM(
            reason=f"a volume that is made from source_type {source} needs a volume_size in GiB"
        )
    mapping = {
        **dict.fromkeys(_FIELDS),
        **fields,
        "source_type": source,
        "destination_type": VOLUME,
        "volume_size": size,
        "volume_type": volume_type,
        "delete_on_termination": strutils.bool_from_string(item.get("delete_on_termination")),
    }
    if source != "blank":
        mapping[_SOURCE_FIELDS[source]] = _source_id(item, source)
    return mapping


def _source_id(item: dict, source: str) -> str:
    found = item.get("uuid") or item.get(_SOURCE_FIELDS[source])
    if not uuidutils.is_uuid_like(found):
        raise exception.InvalidBDM(reason=f"a disk of source_type {source} needs its uuid")
    return found


def _boot_index(item: dict) -> int:
    value = item.get("boot_index")
    return -1 if value is None else int(value)


def _size(item: dict) -> int | None:
    value = item.get("volume_size")
    return None if value in (None, "") else int(value)


def _check_boot_order(wanted: list[dict]) -> None:
    indexes = sorted(m["boot_index"] for m in wanted if m["boot_index"] >= 0)
    if not indexes or indexes != list(range(len(indexes))):
        raise exception.InvalidBDM(
            reason="boot_index must be 0 for the root disk and count up from there, without gaps; "
            "disks that are not booted from have -1"
        )


def _check_root(wanted: list[dict], image_id: str | None) -> None:
    (root,) = (m for m in wanted if m["boot_index"] == 0)
    if root["source_type"] == "blank":
        raise exception.InvalidBDM(reason="no disk has an image to boot from")
    if root["destination_type"] == VOLUME and image_id not in (None, root["image_id"]):
        raise exception.InvalidBDM(
            reason="the server boots from a volume and cannot also boot from imageRef; leave "
            "imageRef out"
        )


def _check_fits(wanted: list[dict], flavor: Flavor) -> None:
    if len(_swaps(wanted)) > 1:
        raise exception.InvalidBDM(reason="more than one swap disk is asked for")
    if sum(m["volume_size"] for m in _swaps(wanted)) > flavor.swap:
        raise exception.InvalidBDM(
            reason=f"the swap disk is larger than the flavor's ({flavor.swap} MiB)"
        )
    if sum(m["volume_size"] for m in _ephemerals(wanted)) > flavor.ephemeral_gb:
        raise exception.InvalidBDM(
            reason=f"the ephemeral disks are larger than the flavor's ({flavor.ephemeral_gb} GiB); "
            "one that names no volume_size takes all of it"
        )


def _local_blanks(wanted: list[dict]) -> list[dict]:
    return [m for m in wanted if (m["source_type"], m["destination_type"]) == ("blank", LOCAL)]


def _swaps(wanted: list[dict]) -> list[dict]:
    return [m for m in _local_blanks(wanted) if m["guest_format"] == SWAP]


def _ephemerals(wanted: list[dict]) -> list[dict]:
    return [m for m in _local_blanks(wanted) if m["guest_format"] != SWAP]
