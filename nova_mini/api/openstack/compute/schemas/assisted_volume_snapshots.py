"""Snapshots that Cinder requests of volumes in use."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_NOT_EMPTY = {"type": "string", "minLength": 1}

create = types.body_of(
    "snapshot",
    {
        "volume_id": _NOT_EMPTY,
        "create_info": {
            "type": "object",
            "properties": {
                "snapshot_id": _NOT_EMPTY,
                "type": {"type": "string", "enum": ["qcow2"]},
                "new_file": _NOT_EMPTY,
                "id": _NOT_EMPTY,
            },
            "required": ["snapshot_id", "type", "new_file"],
            "additionalProperties": False,
        },
    },
    ["volume_id", "create_info"],
)

_INFO = {"delete_info": types.multiple({"type": "string"})}

delete = types.query_params(_INFO)
delete_v275 = types.query_params(_INFO, strict=True)
