"""Bodies and queries of quota sets and quota classes."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types
from nova_mini.quota import NETWORK_RESOURCES

_limit = {
    "type": ["integer", "string"],
    "pattern": r"^(-1|[0-9]{1,10})\Z",
    "minimum": -1,
    "maximum": types.MAX_INT,
    "format": "limit",
}

_ALL_VERSIONS = (
    "instances",
    "cores",
    "ram",
    "key_pairs",
    "metadata_items",
    "server_groups",
    "server_group_members",
)
_UNTIL_V257 = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")


def _limits(*names: str) -> dict:
    return dict.fromkeys(names, _limit)


_FORCE = {"force": types.boolean}

update = types.body_of(
    "quota_set",
    {
        **_limits(*_ALL_VERSIONS, *_UNTIL_V257, *NETWORK_RESOURCES),
        **_FORCE,
        "tenant_id": types.any_string,
    },
)
update_v236 = types.body_of("quota_set", {**_limits(*_ALL_VERSIONS, *_UNTIL_V257), **_FORCE})
update_v257 = types.body_of("quota_set", {**_limits(*_ALL_VERSIONS), **_FORCE})

update_class = types.body_of(
    "quota_class_set",
    {**_limits(*_ALL_VERSIONS, *_UNTIL_V257, *NETWORK_RESOURCES), "id": types.any_string},
)
update_class_v250 = types.body_of("quota_class_set", _limits(*_ALL_VERSIONS, *_UNTIL_V257))
update_class_v257 = types.body_of("quota_class_set", _limits(*_ALL_VERSIONS))

_QUERY = {"user_id": types.multiple(types.any_string)}
query = types.query_params(_QUERY)
query_v275 = types.query_params(_QUERY, strict=True)
