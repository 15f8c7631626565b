"""Bodies of a server's metadata."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

create = update_all = {
    "type": "object",
    "properties": {"metadata": types.metadata},
    "required": ["metadata"],
    "additionalProperties": False,
}
update = {
    "type": "object",
    "properties": {"meta": {**types.metadata, "minProperties": 1, "maxProperties": 1}},
    "required": ["meta"],
    "additionalProperties": False,
}
