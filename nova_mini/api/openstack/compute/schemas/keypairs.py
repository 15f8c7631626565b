"""Bodies and queries of key pairs."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types


def _name(characters: str) -> dict:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": rf"^(?! )[{characters}]+(?<! )\Z",
    }


_V21 = {
    "name": _name("a-zA-Z0-9 _-"),
    "public_key": {"type": "string", "minLength": 1, "maxLength": 65535},
}
_V22 = {**_V21, "type": {"type": "string", "enum": ["ssh", "x509"]}}
_V210 = {**_V22, "user_id": types.user_id}
_V292 = {**_V210, "name": _name("a-zA-Z0-9 @._-")}

create = types.body_of("keypair", _V21, ["name"])
create_v22 = types.body_of("keypair", _V22, ["name"])
create_v210 = types.body_of("keypair", _V210, ["name"])
create_v292 = types.body_of("keypair", _V292, ["name", "public_key"])

_USER = {"user_id": types.multiple(types.any_string)}

index = types.query_params({})
index_v210 = types.query_params(_USER)
index_v235 = types.query_params({**_USER, **types.pagination})
index_v275 = types.query_params({**_USER, **types.pagination}, strict=True)
one = types.query_params({})
one_v210 = types.query_params(_USER)
one_v275 = types.query_params(_USER, strict=True)
