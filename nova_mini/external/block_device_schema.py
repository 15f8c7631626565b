"""The JSON Schema of one disk of a new server.

The API checks requests with it. The disks that an image names are checked with the same schema when
a server is made from the image, because users can set the properties of their images.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import jsonschema
from jsonschema.exceptions import best_match

from nova_mini import exception
from nova_mini.objects.block_device_mapping import GUEST_FORMATS, MAX_SIZE

# What Nova accepts for a boolean; the API uses it, too.
BOOLEAN_VALUES = (
    True,
    *["True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t"],
    False,
    *["False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f"],
)
_BOOLEAN = {"enum": list(BOOLEAN_VALUES)}
_ID = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[a-zA-Z0-9._-]*\Z"}
_SIZE = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MAX_SIZE},
        {"type": "string", "pattern": r"^[0-9]{0,10}\Z"},
        {"type": "null"},
    ]
}
_TAG = {"type": "string", "minLength": 1, "maxLength": 60, "pattern": r"^[^,/]*\Z"}

_DEVICE = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[a-zA-Z0-9._/-]*\Z"}

_COMMON = {
    "device_name": _DEVICE,
    "volume_id": _ID,
    "snapshot_id": _ID,
    "volume_size": _SIZE,
    "delete_on_termination": _BOOLEAN,
    "no_device": {},
    "connection_info": {"type": "string", "maxLength": 16384},
}


class LegacyDisk(TypedDict, total=False):
    """A disk of ``block_device_mapping``, the first form."""

    device_name: str
    volume_id: str
    snapshot_id: str
    volume_size: int | str | None
    delete_on_termination: bool | str
    no_device: object
    connection_info: str
    virtual_name: str


class RequestedDisk(TypedDict, total=False):
    """A disk of ``block_device_mapping_v2``."""

    source_type: Literal["volume", "image", "snapshot", "blank"]
    destination_type: Literal["local", "volume"]
    uuid: str
    image_id: str
    volume_id: str
    snapshot_id: str
    volume_size: int | str | None
    volume_type: str | None
    delete_on_termination: bool | str
    no_device: object
    connection_info: str
    guest_format: str | None
    device_type: str | None
    disk_bus: str | None
    boot_index: int | str | None
    device_name: str
    tag: str


class VirtualDevice(TypedDict):
    """An item of the property ``mappings`` of an image."""

    virtual: str
    device: str


#: The properties of a :class:`LegacyDisk`.
LEGACY_DISK = {**_COMMON, "virtual_name": {"type": "string", "maxLength": 255}}

#: The properties of a :class:`RequestedDisk` in all API versions.
DISK = {
    **_COMMON,
    "source_type": {"type": "string", "enum": ["volume", "image", "snapshot", "blank"]},
    "uuid": _ID,
    "image_id": _ID,
    "destination_type": {"type": "string", "enum": ["local", "volume"]},
    "guest_format": {"type": ["string", "null"], "enum": [*GUEST_FORMATS, None]},
    "device_type": {"type": ["string", "null"], "enum": ["disk", "cdrom", "floppy", "lun", None]},
    "disk_bus": {"type": ["string", "null"], "maxLength": 16, "pattern": r"^[a-z0-9]*\Z"},
    "boot_index": {
        "type": ["integer", "string", "null"],
        "pattern": r"^-?[0-9]{1,4}\Z",
        "minimum": -9999,
        "maximum": 9999,
    },
}
DISK_TAGGED = {**DISK, "tag": _TAG}
DISK_TYPED = {**DISK_TAGGED, "volume_type": {"type": ["string", "null"], "maxLength": 255}}


def disks(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list of disks with the given properties."""
    return {
        "type": "array",
        "items": {"type": "object", "properties": properties, "additionalProperties": False},
    }


_VIRTUAL_DEVICE = {
    "type": "object",
    "properties": {"virtual": {"type": "string", "maxLength": 255}, "device": _DEVICE},
    "required": ["virtual", "device"],
}

#: Validators of the disks that images name, in three forms.
V2, LEGACY, VIRTUAL_DEVICES = (
    jsonschema.Draft4Validator(schema)
    for schema in (
        disks(DISK_TYPED),
        disks(LEGACY_DISK),
        {"type": "array", "items": _VIRTUAL_DEVICE},
    )
)


def check(validator: jsonschema.Draft4Validator, items: Any, origin: str) -> list[Any]:
    """Return ``items`` if they match ``validator``, one of the three above.

    Raises InvalidBDM; its message has ``origin`` and the path of the error, but no value.
    """
    try:
        error = best_match(validator.iter_errors(items))
    except RecursionError as exc:
        raise exception.InvalidBDM(reason=f"{origin} is nested too deep") from exc
    if error is not None:
        path = ".".join(str(part)[:64] for part in error.absolute_path)
        raise exception.InvalidBDM(reason=f"{origin} is wrong at '{path}': {error.validator}")
    return items
