"""Queries of hypervisors."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

_PATTERN = {"hypervisor_hostname_pattern": types.single(types.service_host)}
_SERVERS = {"with_servers": types.single(types.boolean)}

index = types.query_params({})
index_v233 = types.query_params(types.pagination)
index_v253 = types.query_params({**types.pagination, **_PATTERN, **_SERVERS}, strict=True)
show = types.query_params({})
show_v253 = types.query_params(_SERVERS, strict=True)
nothing = types.query_params({})
