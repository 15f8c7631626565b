"""Bodies of a server's interfaces."""

from __future__ import annotations

from nova_mini.api.openstack.compute.schemas.servers import tag
from nova_mini.api.validation import parameter_types as types

_CREATE = {
    "net_id": types.uuid,
    "port_id": types.uuid,
    "fixed_ips": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "ip_address": {"type": "string", "anyOf": [types.ipv4, types.ipv6]},
            },
            "required": ["ip_address"],
            "additionalProperties": False,
        },
        "minItems": 1,
        "maxItems": 1,
    },
}


def _body(properties: dict) -> dict:
    """The body may be empty: then the server gets the project's network."""
    schema = types.body_of("interfaceAttachment", properties)
    del schema["required"]
    return schema


create = _body(_CREATE)
create_v249 = _body({**_CREATE, "tag": tag})
