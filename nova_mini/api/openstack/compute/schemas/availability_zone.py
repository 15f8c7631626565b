"""Queries of availability zones."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

query = types.query_params({})
