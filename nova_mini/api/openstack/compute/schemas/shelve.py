"""Bodies of the action unshelve: null, or the zone or host to unshelve to."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types


def _unshelve(arguments: dict) -> dict:
    return {
        "type": "object",
        "properties": {"unshelve": {"type": ["object", "null"], **arguments}},
        "required": ["unshelve"],
        "additionalProperties": False,
    }


unshelve_v277 = _unshelve(
    {
        "properties": {"availability_zone": types.name},
        "required": ["availability_zone"],
        "additionalProperties": False,
    }
)
unshelve_v291 = _unshelve(
    {
        "properties": {
            "availability_zone": {**types.name, "type": ["string", "null"]},
            "host": types.fqdn,
        },
        "minProperties": 1,
        "additionalProperties": False,
    }
)
