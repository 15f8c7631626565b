"""Queries of limits."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_QUERY = {"tenant_id": types.multiple(types.any_string)}

index = types.query_params(_QUERY)
index_v275 = types.query_params(_QUERY, strict=True)
