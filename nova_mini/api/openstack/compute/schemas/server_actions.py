"""Bodies of ``POST /servers/{id}/action``, but for rebuild, which is beside create."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

#: What has no arguments: ``{"os-start": null}`` and the like; a value is let pass.
plain = {"type": "object", "minProperties": 1, "maxProperties": 1}

reboot = types.body_of(
    "reboot",
    {"type": {"type": "string", "enum": ["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]}},
    ["type"],
)
create_image = types.body_of(
    "createImage", {"name": types.name, "metadata": types.metadata}, ["name"]
)
reset_state = types.body_of(
    "os-resetState", {"state": {"type": "string", "enum": ["active", "error"]}}, ["state"]
)
console_output = types.body_of(
    "os-getConsoleOutput",
    {
        "length": {
            "type": ["integer", "string", "null"], "pattern": r"^-?[0-9]{1,9}\Z",
            "minimum": -1, "maximum": types.MAX_INT,
        }
    },
)  # fmt: skip
security_group = {
    "type": "object",
    "properties": {
        action: {
            "type": "object",
            "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 255}},
            "required": ["name"],
            "additionalProperties": False,
        }
        for action in ("addSecurityGroup", "removeSecurityGroup")
    },
    "additionalProperties": False,
}

_lock_reason = {
    "type": ["object", "null"],
    "properties": {"locked_reason": {"type": "string", "minLength": 1, "maxLength": 255}},
    "additionalProperties": False,
}
lock_v273 = {
    "type": "object",
    "properties": {"lock": _lock_reason},
    "required": ["lock"],
    "additionalProperties": False,
}
