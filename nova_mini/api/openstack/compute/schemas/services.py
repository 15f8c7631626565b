"""Bodies and queries of services."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_reason = {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}
_SERVICE = {"host": types.service_host, "binary": types.any_string}


def _object(properties: dict, required: list[str]) -> dict:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


enable = disable = _object(_SERVICE, ["host", "binary"])
disable_log_reason = _object(
    {**_SERVICE, "disabled_reason": _reason}, ["host", "binary", "disabled_reason"]
)
force_down = _object({**_SERVICE, "forced_down": types.boolean}, ["host", "binary"])
update_v253 = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["enabled", "disabled"]},
        "disabled_reason": _reason,
        "forced_down": types.boolean,
    },
    "additionalProperties": False,
    "minProperties": 1,
}

_QUERY = {"host": types.multiple(types.any_string), "binary": types.multiple(types.any_string)}
index = types.query_params(_QUERY)
index_v275 = types.query_params(_QUERY, strict=True)
