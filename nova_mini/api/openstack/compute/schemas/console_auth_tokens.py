"""Queries of console tokens."""

from nova_mini.api.validation import parameter_types as types

show = types.query_params({})
show_v299 = types.query_params({}, strict=True)
