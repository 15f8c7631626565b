"""Queries of migrations."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_FILTERS = {
    "hidden": types.multiple(types.boolean),
    **dict.fromkeys(
        ("host", "instance_uuid", "source_compute", "status", "migration_type"),
        types.multiple(types.any_string),
    ),
}
_V259 = {
    **_FILTERS,
    "limit": types.single(types.non_negative_integer),
    "marker": types.single(types.any_string),
    "changes-since": types.single(types.time),
}
_V266 = {**_V259, "changes-before": types.single(types.time)}
_V280 = {
    **_V266,
    "user_id": types.single(types.any_string),
    "project_id": types.single(types.any_string),
}

index = types.query_params(_FILTERS)
index_v259 = types.query_params(_V259, strict=True)
index_v266 = types.query_params(_V266, strict=True)
index_v280 = types.query_params(_V280, strict=True)
of_server = types.query_params({})

force_complete = {
    "type": "object",
    "properties": {"force_complete": {"type": "null"}},
    "required": ["force_complete"],
    "additionalProperties": False,
}
