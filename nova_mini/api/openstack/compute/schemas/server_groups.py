"""Bodies and queries of server groups."""

from __future__ import annotations

from nova_mini import server_groups
from nova_mini.api.validation import parameter_types as types

_HARD = list(server_groups.HARD)
_ALL = [*_HARD, server_groups.SOFT_AFFINITY, server_groups.SOFT_ANTI_AFFINITY]


def _create(policies: list[str]) -> dict:
    """A list of policies in which there is exactly one."""
    one = {"type": "array", "items": {"enum": policies}, "minItems": 1, "maxItems": 1}
    return types.body_of(
        "server_group", {"name": types.name, "policies": one}, ["name", "policies"]
    )


create = _create(_HARD)
create_v215 = _create(_ALL)
create_v264 = types.body_of(
    "server_group",
    {
        "name": types.name,
        "policy": {"enum": _ALL},
        "rules": {
            "type": "object",
            "properties": {server_groups.MAX_SERVER_PER_HOST: types.positive_integer},
            "additionalProperties": False,
        },
    },
    ["name", "policy"],
)

_INDEX = {
    "all_projects": types.multiple(types.any_string),
    "limit": types.limit,
    "offset": types.limit,
}
index = types.query_params(_INDEX)
index_v275 = types.query_params(_INDEX, strict=True)
