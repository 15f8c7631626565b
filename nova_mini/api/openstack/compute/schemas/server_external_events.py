"""Bodies of events that other services send."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_NETWORK = [
    "network-changed",
    "network-vif-plugged",
    "network-vif-unplugged",
    "network-vif-deleted",
]


def _events(names: list[str]) -> dict:
    event = {
        "type": "object",
        "properties": {
            "server_uuid": types.uuid,
            "name": {"type": "string", "enum": names},
            "status": {"type": "string", "enum": ["failed", "completed", "in-progress"]},
            "tag": {"type": "string", "maxLength": 255},
        },
        "required": ["server_uuid", "name"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"events": {"type": "array", "minItems": 1, "items": event}},
        "required": ["events"],
        "additionalProperties": False,
    }


_V251 = [*_NETWORK, "volume-extended"]
_V276 = [*_V251, "power-update"]
_V282 = [*_V276, "accelerator-request-bound"]
_V293 = [*_V282, "volume-reimaged"]

create = _events(_NETWORK)
create_v251 = _events(_V251)
create_v276 = _events(_V276)
create_v282 = _events(_V282)
create_v293 = _events(_V293)
