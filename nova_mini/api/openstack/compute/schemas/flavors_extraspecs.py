"""Bodies of a flavor's extra specs."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_KEY = r"^[a-zA-Z0-9-_:. ]{1,255}\Z"
_specs = {
    "type": "object",
    "patternProperties": {_KEY: {"type": ["string", "number"], "maxLength": 255, "format": "text"}},
    "additionalProperties": False,
}

create = {
    "type": "object",
    "properties": {"extra_specs": _specs},
    "required": ["extra_specs"],
    "additionalProperties": False,
}
update = {**_specs, "minProperties": 1, "maxProperties": 1}
index = types.query_params({})
