"""Body of the action changePassword."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

# The agent sends the password to a program of the guest, which takes one line.
_password = {
    "type": "string",
    "maxLength": 255,
    "format": "text",
    "pattern": r"^[^\r\n]*\Z",
}

change_password = types.body_of("changePassword", {"adminPass": _password}, ["adminPass"])
