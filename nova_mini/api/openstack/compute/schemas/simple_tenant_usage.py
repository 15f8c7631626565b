"""Queries of usage."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_time = types.multiple({"type": "string", "maxLength": 64})
_SHOW = {"start": _time, "end": _time}
_INDEX = {**_SHOW, "detailed": types.multiple(types.any_string)}

index = types.query_params(_INDEX)
index_v240 = types.query_params({**_INDEX, **types.pagination})
index_v275 = types.query_params({**_INDEX, **types.pagination}, strict=True)
show = types.query_params(_SHOW)
show_v240 = types.query_params({**_SHOW, **types.pagination})
show_v275 = types.query_params({**_SHOW, **types.pagination}, strict=True)
