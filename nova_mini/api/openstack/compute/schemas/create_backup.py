"""Body of the action createBackup."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

create_backup = types.body_of(
    "createBackup",
    {
        "name": types.name,
        "backup_type": {"type": "string", "maxLength": 255, "format": "text"},
        "rotation": types.non_negative_integer,
        "metadata": types.metadata,
    },
    ["name", "backup_type", "rotation"],
)
