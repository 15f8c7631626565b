"""Bodies and queries of a server's shares."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_tag = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[a-zA-Z0-9-]*\Z"}

create = types.body_of("share", {"share_id": types.uuid, "tag": _tag}, ["share_id"])
nothing = types.query_params({}, strict=True)
