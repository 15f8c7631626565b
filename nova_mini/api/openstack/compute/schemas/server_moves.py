"""Bodies of the actions that move a server."""

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

_HOST = {**types.fqdn, "type": ["string", "null"]}
_AUTO = {"enum": [*types.BOOLEAN_VALUES, "auto"]}

migrate_live = types.body_of(
    "os-migrateLive",
    {"block_migration": types.boolean, "disk_over_commit": types.boolean, "host": _HOST},
    ["block_migration", "disk_over_commit", "host"],
)
migrate_live_v225 = types.body_of(
    "os-migrateLive", {"block_migration": _AUTO, "host": _HOST}, ["block_migration", "host"]
)
migrate_live_v230 = types.body_of(
    "os-migrateLive",
    {"block_migration": _AUTO, "host": _HOST, "force": types.boolean},
    ["block_migration", "host"],
)
