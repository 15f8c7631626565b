"""Bodies and queries of flavors."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_flavor_id = {
    "type": ["string", "number", "null"],
    "minLength": 1,
    "maxLength": 255,
    "minimum": 0,
    "pattern": r"^(?! )[a-zA-Z0-9. _-]+(?<! )\Z",
}
_rxtx_factor = {
    "type": ["number", "string"],
    "pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?\Z",
    "minimum": 0,
    "exclusiveMinimum": True,
    "maximum": 3.40282e38,
    "minLength": 1,
}
_description = {"type": ["string", "null"], "maxLength": 65535, "format": "printable"}

_PROPERTIES = {
    "id": _flavor_id,
    "name": types.name_with_blanks,
    "ram": types.positive_integer,
    "vcpus": types.positive_integer,
    "disk": types.non_negative_integer,
    "OS-FLV-EXT-DATA:ephemeral": types.non_negative_integer,
    "swap": types.non_negative_integer,
    "rxtx_factor": _rxtx_factor,
    "os-flavor-access:is_public": types.boolean,
}
_REQUIRED = ["name", "ram", "vcpus", "disk"]

create = types.body_of("flavor", _PROPERTIES, _REQUIRED)
create_v255 = types.body_of("flavor", {**_PROPERTIES, "description": _description}, _REQUIRED)
create_v2102 = types.body_of(
    "flavor",
    {
        **{name: kind for name, kind in _PROPERTIES.items() if name != "rxtx_factor"},
        "description": _description,
    },
    _REQUIRED,
)
update_v255 = types.body_of("flavor", {"description": _description}, ["description"])

SORT_KEYS = {
    "created_at",
    "description",
    "disabled",
    "ephemeral_gb",
    "flavorid",
    "id",
    "is_public",
    "memory_mb",
    "name",
    "root_gb",
    "rxtx_factor",
    "swap",
    "updated_at",
    "vcpus",
}

_QUERY = {
    **types.pagination,
    "is_public": types.multiple(types.any_string),
    "minRam": types.multiple({"type": "string", "format": "int32"}),
    "minDisk": types.multiple({"type": "string", "format": "int32"}),
    "sort_key": types.multiple({"type": "string", "enum": sorted(SORT_KEYS)}),
    "sort_dir": types.multiple({"type": "string", "enum": ["asc", "desc"]}),
}

_QUERY_V2102 = {
    **_QUERY,
    "name": types.multiple({"type": "string", "maxLength": 255, "format": "regex"}),
    "sort_key": types.multiple({"type": "string", "enum": sorted(SORT_KEYS - {"rxtx_factor"})}),
}

index = types.query_params(_QUERY)
index_v275 = types.query_params(_QUERY, strict=True)
index_v2102 = types.query_params(_QUERY_V2102, strict=True)
show = types.query_params({})
