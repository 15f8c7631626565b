"""Queries of a server's actions."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_V258 = {
    "limit": types.limit,
    "marker": types.multiple({"type": "string", "maxLength": 255}),
    "changes-since": types.single(types.time),
}
_V266 = {**_V258, "changes-before": types.single(types.time)}

index = types.query_params({})
index_v258 = types.query_params(_V258, strict=True)
index_v266 = types.query_params(_V266, strict=True)
show = types.query_params({})
