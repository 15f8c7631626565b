"""Bodies of ``POST /servers/{id}/action``; more in ``servers``, ``server_moves`` and ``shelve``."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

#: An action without arguments, such as ``{"os-start": null}``. Any value is accepted.
plain = {"type": "object", "minProperties": 1, "maxProperties": 1}

reboot = types.body_of(
    "reboot",
    {"type": {"type": "string", "enum": ["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]}},
    ["type"],
)
create_image = types.body_of(
    "createImage", {"name": types.name, "metadata": types.metadata}, ["name"]
)
trigger_crash_dump = {
    "type": "object",
    "properties": {"trigger_crash_dump": {"type": "null"}},
    "required": ["trigger_crash_dump"],
    "additionalProperties": False,
}
reset_state = types.body_of(
    "os-resetState", {"state": {"type": "string", "enum": ["active", "error"]}}, ["state"]
)
console_output = types.body_of(
    "os-getConsoleOutput",
    {
        "length": {
            "type": ["integer", "string", "null"],
            "pattern": r"^-?[0-9]{1,9}\Z",
            "minimum": -1,
            "maximum": types.MAX_INT,
        }
    },
)
security_group = {
    "type": "object",
    "properties": {
        action: {
            "type": "object",
            "properties": {"name": types.name_with_blanks},
            "required": ["name"],
            "additionalProperties": False,
        }
        for action in ("addSecurityGroup", "removeSecurityGroup")
    },
    "additionalProperties": False,
}

_lock_reason = {
    "type": ["object", "null"],
    "properties": {
        "locked_reason": {"type": "string", "minLength": 1, "maxLength": 255, "format": "text"}
    },
    "additionalProperties": False,
}
lock_v273 = {
    "type": "object",
    "properties": {"lock": _lock_reason},
    "required": ["lock"],
    "additionalProperties": False,
}
