"""Parts of schemas, with the formats that the Compute API documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_mini.api.validation.formats import MAX_INT
from nova_mini.external.block_device_schema import BOOLEAN_VALUES


def single(schema: Mapping) -> dict:
    """A query parameter that may be given once."""
    return {"type": "array", "items": schema, "maxItems": 1}


def multiple(schema: Mapping) -> dict:
    """A query parameter that may be repeated; the last value is used, as documented."""
    return {"type": "array", "items": schema}


def query_params(properties: Mapping[str, Any], *, strict: bool = False) -> dict:
    """A query string. ``strict``: an unknown parameter is an error; otherwise it is ignored."""
    return {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": not strict,
    }


def body_of(key: str, properties: Mapping[str, Any], required: list[str] | None = None) -> dict:
    """A body ``{"<key>": {...}}`` with no other key."""
    inner: dict[str, Any] = {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }
    if required:
        inner["required"] = required
    return {
        "type": "object",
        "properties": {key: inner},
        "required": [key],
        "additionalProperties": False,
    }


any_string = {"type": "string", "maxLength": 255}
any_value: dict[str, Any] = {}
none: dict[str, Any] = {"enum": ["none", "", None, {}, []]}

name = {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}
name_with_blanks = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "format": "name_with_blanks",
}
az_name = {"type": "string", "minLength": 1, "maxLength": 255, "format": "az_name"}
hostname = {"type": "string", "minLength": 2, "maxLength": 63, "format": "hostname"}
fqdn = {"type": "string", "minLength": 2, "maxLength": 255, "format": "fqdn"}
service_host = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": r"^[a-zA-Z0-9-._]*\Z",
}
description = {"type": ["string", "null"], "minLength": 0, "maxLength": 255, "format": "printable"}
uuid = {"type": "string", "format": "uuid"}
project_id = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[a-zA-Z0-9-]*\Z"}
user_id = {"type": "string", "minLength": 1, "maxLength": 255, "format": "printable"}
boolean = {"type": ["boolean", "string"], "enum": list(BOOLEAN_VALUES)}
time = {"type": "string", "format": "date-time", "maxLength": 64}
ipv4 = {"type": "string", "format": "ipv4"}
ipv6 = {"type": "string", "format": "ipv6"}

# Integers may be strings, because many clients send them so.
positive_integer = {
    "type": ["integer", "string"],
    "pattern": r"^0*[1-9][0-9]{0,9}$",
    "minimum": 1,
    "maximum": MAX_INT,
    "format": "int32",
}
non_negative_integer = {
    "type": ["integer", "string"],
    "pattern": r"^[0-9]{1,10}$",
    "minimum": 0,
    "maximum": MAX_INT,
    "format": "int32",
}

metadata = {
    "type": "object",
    "patternProperties": {
        r"^[a-zA-Z0-9-_:. ]{1,255}\Z": {"type": "string", "maxLength": 255, "format": "text"},
    },
    "additionalProperties": False,
}
# The same, where null removes the key.
metadata_with_null = {
    "type": "object",
    "patternProperties": {
        r"^[a-zA-Z0-9-_:. ]{1,255}\Z": {
            "type": ["string", "null"],
            "maxLength": 255,
            "format": "text",
        },
    },
    "additionalProperties": False,
}

limit = multiple({"type": "string", "pattern": r"^[0-9]{1,10}$"})
marker = multiple(any_string)
pagination = {"limit": limit, "marker": marker}
