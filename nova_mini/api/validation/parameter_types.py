"""Pieces that schemas are made of, in the forms that the Compute API documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nova_mini.api.validation.formats import MAX_INT


def single(schema: Mapping) -> dict:
    """A query parameter that may be given once."""
    return {"type": "array", "items": schema, "maxItems": 1}


def multiple(schema: Mapping) -> dict:
    """A query parameter that may be given again and again; the last counts, as documented."""
    return {"type": "array", "items": schema}


def query_params(properties: Mapping[str, Any], *, strict: bool = False) -> dict:
    """A query string. ``strict``: a parameter that is not known is refused, not ignored."""
    return {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": not strict,
    }


def body_of(key: str, properties: Mapping[str, Any], required: list[str] | None = None) -> dict:
    """``{"<key>": {...}}`` and nothing else."""
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
any_value = {}
none = {"enum": ["none", "", None, {}, []]}

name = {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}
name_with_blanks = {
    "type": "string", "minLength": 1, "maxLength": 255, "format": "name_with_blanks"
}  # fmt: skip
az_name = {"type": "string", "minLength": 1, "maxLength": 255, "format": "az_name"}
hostname = {"type": "string", "minLength": 2, "maxLength": 63, "format": "hostname"}
fqdn = {"type": "string", "minLength": 2, "maxLength": 255, "format": "fqdn"}
service_host = {
    "type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[a-zA-Z0-9-._]*\Z"
}  # fmt: skip
description = {"type": ["string", "null"], "minLength": 0, "maxLength": 255}
uuid = {"type": "string", "format": "uuid"}
project_id = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[a-zA-Z0-9-]*\Z"}
user_id = {"type": "string", "minLength": 1, "maxLength": 255}
boolean = {
    "type": ["boolean", "string"],
    "enum": [True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t",
             False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n",
             "f"],
}  # fmt: skip
time = {"type": "string", "format": "date-time", "maxLength": 64}
ipv4 = {"type": "string", "format": "ipv4"}
ipv6 = {"type": "string", "format": "ipv6"}

# Integers may come as text, as many clients send them.
positive_integer = {
    "type": ["integer", "string"], "pattern": r"^0*[1-9][0-9]{0,9}$", "minimum": 1,
    "maximum": MAX_INT, "format": "int32",
}  # fmt: skip
non_negative_integer = {
    "type": ["integer", "string"], "pattern": r"^[0-9]{1,10}$", "minimum": 0,
    "maximum": MAX_INT, "format": "int32",
}  # fmt: skip

metadata = {
    "type": "object",
    "patternProperties": {
        r"^[a-zA-Z0-9-_:. ]{1,255}\Z": {"type": "string", "maxLength": 255},
    },
    "additionalProperties": False,
}
# The same where a null takes the key away.
metadata_with_null = {
    "type": "object",
    "patternProperties": {
        r"^[a-zA-Z0-9-_:. ]{1,255}\Z": {"type": ["string", "null"], "maxLength": 255},
    },
    "additionalProperties": False,
}

limit = multiple({"type": "string", "pattern": r"^[0-9]{1,10}$"})
marker = multiple(any_string)
pagination = {"limit": limit, "marker": marker}
