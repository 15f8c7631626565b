"""Bodies and queries of the proxies."""

from __future__ import annotations

from typing import Any

from nova_mini.api.validation import parameter_types as types

_PAGE = {
    "limit": types.multiple(types.non_negative_integer),
    "offset": types.multiple(types.non_negative_integer),
}
_any_text = {"type": "string", "maxLength": 255}
_text_or_null = {"type": ["string", "null"], "maxLength": 255}
_uuid_or_null = {"anyOf": [types.uuid, {"type": "null"}]}
_address = {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}


def _open_body(key: str, properties: dict, required: list[str]) -> dict:
    """A body that may have other properties, which are ignored, as documented for the proxies."""
    inner: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        inner["required"] = required
    return {"type": "object", "properties": {key: inner}, "required": [key]}


# -- hosts ---------------------------------------------------------------------------------------

_enabled = {"type": "string", "pattern": r"^([Ee]nable|ENABLE|[Dd]isable|DISABLE)\Z"}
host = {
    "type": "object",
    "properties": {"status": _enabled, "maintenance_mode": _enabled},
    "minProperties": 1,
    "additionalProperties": False,
}
hosts = types.query_params({"zone": types.multiple(_any_text)})

# -- images --------------------------------------------------------------------------------------

images = types.query_params(
    {
        **types.pagination,
        **dict.fromkeys(("name", "status", "server", "type"), types.multiple(types.any_string)),
        "changes-since": types.multiple(types.time),
        "minRam": types.multiple(types.non_negative_integer),
        "minDisk": types.multiple(types.non_negative_integer),
    }
)
image_metadata: dict[str, Any] = {
    "type": "object",
    "properties": {"metadata": types.metadata},
    "required": ["metadata"],
    "additionalProperties": False,
}
image_meta = {
    "type": "object",
    "properties": {"meta": {**types.metadata, "minProperties": 1, "maxProperties": 1}},
    "required": ["meta"],
    "additionalProperties": False,
}

# -- networks ------------------------------------------------------------------------------------

security_groups = types.query_params({**_PAGE, "all_tenants": types.multiple(_any_text)})
security_group = _open_body(
    "security_group", {"name": _any_text, "description": _any_text}, ["name", "description"]
)
_port = {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 12}, {"type": "null"}]}
security_group_rule = _open_body(
    "security_group_rule",
    {
        "parent_group_id": types.uuid,
        "group_id": _uuid_or_null,
        "ip_protocol": _text_or_null,
        "cidr": _text_or_null,
        "from_port": _port,
        "to_port": _port,
    },
    ["parent_group_id"],
)
floating_ip = {"type": ["object", "null"], "properties": {"pool": _text_or_null}}


def _action(name: str, properties: dict, required: str) -> dict:
    return types.body_of(name, properties, [required])


add_floating_ip = _action(
    "addFloatingIp", {"address": _address, "fixed_address": _address}, "address"
)
remove_floating_ip = _action("removeFloatingIp", {"address": _address}, "address")
_network_id = {"type": ["string", "integer"], "minLength": 1, "maxLength": 36}
add_fixed_ip = _action("addFixedIp", {"networkId": _network_id}, "networkId")
remove_fixed_ip = _action("removeFixedIp", {"address": _address}, "address")

# -- volumes -------------------------------------------------------------------------------------

volumes = types.query_params(_PAGE)
volume = types.body_of(
    "volume",
    {
        "volume_type": _any_text,
        "metadata": types.metadata,
        "snapshot_id": types.uuid,
        "size": types.positive_integer,
        "availability_zone": _any_text,
        "display_name": _any_text,
        "display_description": {"type": "string", "maxLength": 65535},
    },
    ["size"],
)
snapshot = types.body_of(
    "snapshot",
    {
        "volume_id": types.uuid,
        "force": types.boolean,
        "display_name": _any_text,
        "display_description": {"type": "string", "maxLength": 65535},
    },
    ["volume_id"],
)
