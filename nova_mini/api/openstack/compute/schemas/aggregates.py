"""Bodies of aggregates."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_zone = {"anyOf": [types.az_name, {"type": "null"}]}
_PROPERTIES = {"name": types.name, "availability_zone": _zone}

create = types.body_of("aggregate", _PROPERTIES, ["name"])
update = types.body_of("aggregate", _PROPERTIES)
update["properties"]["aggregate"]["minProperties"] = 1

add_host = types.body_of("add_host", {"host": types.service_host}, ["host"])
remove_host = types.body_of("remove_host", {"host": types.service_host}, ["host"])
set_metadata = types.body_of("set_metadata", {"metadata": types.metadata_with_null}, ["metadata"])
images = {
    "type": "object",
    "properties": {
        "cache": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"id": types.uuid},
                "required": ["id"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["cache"],
    "additionalProperties": False,
}
query = types.query_params({})
