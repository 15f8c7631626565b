"""Bodies of ``{"unshelve": ...}``: null, or where to."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types


def _unshelve(wishes: dict) -> dict:
    return {
        "type": "object",
        "properties": {"unshelve": {"type": ["object", "null"], **wishes}},
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
