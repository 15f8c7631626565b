"""Bodies and queries of quota sets and quota classes."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_limit = {
    "type": ["integer", "string"], "pattern": r"^(-1|[0-9]{1,10})\Z", "minimum": -1,
    "maximum": types.MAX_INT, "format": "limit",
}  # fmt: skip

_LASTING = ("instances", "cores", "ram", "key_pairs", "metadata_items", "server_groups",
            "server_group_members")  # fmt: skip
_UNTIL_V257 = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")
#: Neutron's business: accepted and shown until 2.36, never enforced here.
NETWORK = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")


def _limits(*names: str) -> dict:
    return dict.fromkeys(names, _limit)


_FORCE = {"force": types.boolean}

update = types.body_of("quota_set", {
    **_limits(*_LASTING, *_UNTIL_V257, *NETWORK), **_FORCE, "tenant_id": types.any_string,
})  # fmt: skip
update_v236 = types.body_of("quota_set", {**_limits(*_LASTING, *_UNTIL_V257), **_FORCE})
update_v257 = types.body_of("quota_set", {**_limits(*_LASTING), **_FORCE})

update_class = types.body_of(
    "quota_class_set", {**_limits(*_LASTING, *_UNTIL_V257, *NETWORK), "id": types.any_string}
)
update_class_v250 = types.body_of("quota_class_set", _limits(*_LASTING, *_UNTIL_V257))
update_class_v257 = types.body_of("quota_class_set", _limits(*_LASTING))

_QUERY = {"user_id": types.multiple(types.any_string)}
query = types.query_params(_QUERY)
query_v275 = types.query_params(_QUERY, strict=True)
