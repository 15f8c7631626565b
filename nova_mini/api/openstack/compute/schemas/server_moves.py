"""Bodies of the actions resize and migrate."""

from __future__ import annotations

from nova_mini.api.openstack.compute.schemas import servers
from nova_mini.api.validation import parameter_types as types

resize = types.body_of(
    "resize",
    {"flavorRef": servers.flavor_ref, "OS-DCF:diskConfig": servers.disk_config},
    ["flavorRef"],
)
migrate_v256 = {
    "type": "object",
    "properties": {
        "migrate": {
            "type": ["object", "null"],
            "properties": {"host": {**types.fqdn, "type": ["string", "null"]}},
            "additionalProperties": False,
        }
    },
    "required": ["migrate"],
    "additionalProperties": False,
}
