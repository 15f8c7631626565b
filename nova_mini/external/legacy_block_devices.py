"""Converts disks from the first form of the API to ``block_device_mapping_v2``: the field
``block_device_mapping`` of a request, and the properties ``block_device_mapping`` (without
``bdm_v2``) and ``mappings`` of an image.

The first form has no boot order. The root disk is the volume with the device name of a root disk,
or else the image.
"""

from __future__ import annotations

import re

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.external.block_device_schema import LegacyDisk, RequestedDisk, VirtualDevice
from nova_mini.objects.block_device_mapping import SWAP

ROOT_DEVICE = "vda"

_VIRTUAL_NAME = re.compile(r"swap|ephemeral([0-9]+)")


def to_v2(
    legacy: list[LegacyDisk], image_id: str | None, *, has_root: bool = False
) -> list[RequestedDisk]:
    """Convert disks to ``block_device_mapping_v2``.

    ``image_id`` becomes the root disk unless a volume is the root disk. With ``has_root``, a root
    disk exists elsewhere. Raises InvalidBDM.
    """
    disks = [_disk(item) for item in legacy if not item.get("no_device")]
    if has_root:
        return disks
    for disk in disks:
        if disk["source_type"] != "blank" and is_root_device(disk.get("device_name")):
            disk["boot_index"] = 0
    if image_id and all(disk["boot_index"] != 0 for disk in disks):
        return [image_root(image_id), *disks]
    return disks


def image_root(image_id: str) -> RequestedDisk:
    """Return the root disk of a server that boots from an image on a disk of its host."""
    return {
        "source_type": "image",
        "destination_type": "local",
        "uuid": image_id,
        "boot_index": 0,
        "delete_on_termination": True,
    }


def of_virtual_devices(mappings: list[VirtualDevice]) -> list[RequestedDisk]:
    """Convert the empty disks (swap, ephemeral) in the property ``mappings`` of an image.

    Items with other names ("ami", "root") are ignored.
    """
    return [
        {**_empty(each["virtual"]), "device_name": each["device"]}
        for each in mappings
        if _VIRTUAL_NAME.fullmatch(each["virtual"])
    ]


def is_root_device(name: str | None) -> bool:
    return name is not None and name.removeprefix("/dev/") == ROOT_DEVICE


def _disk(item: LegacyDisk) -> RequestedDisk:
    common: RequestedDisk = {"boot_index": -1}
    if "device_name" in item:
        common["device_name"] = item["device_name"]
    if "volume_size" in item:
        common["volume_size"] = item["volume_size"]
    if "delete_on_termination" in item:
        common["delete_on_termination"] = item["delete_on_termination"]
    virtual_name = item.get("virtual_name") or ""
    if _VIRTUAL_NAME.fullmatch(virtual_name):
        return {**common, **_empty(virtual_name)}
    common["destination_type"] = "volume"
    if item.get("snapshot_id"):
        return {**common, "source_type": "snapshot", "uuid": item["snapshot_id"]}
    if item.get("volume_id"):
        return {**common, "source_type": "volume", "uuid": item["volume_id"]}
    raise exception.InvalidBDM(reason="Unrecognized legacy format.")


def _empty(virtual_name: str) -> RequestedDisk:
    return {
        "source_type": "blank",
        "destination_type": "local",
        "boot_index": -1,
        "guest_format": SWAP if virtual_name == SWAP else CONF.default_ephemeral_format,
        "delete_on_termination": True,
    }
