"""The scheduler hints of Nova: the filter that acts on each, or why it is refused.

Other hints have no effect, as in Nova: they are for filters and tools of others. The server group
of the hint ``group`` is checked where the group is read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nova_mini import exception
from nova_mini.guest_options import host_query

QUERY = "query"

_ACTS_ON = {
    "different_host": "DifferentHostFilter",
    "same_host": "SameHostFilter",
    QUERY: "JsonFilter",
}
_REFUSED = {
    "build_near_host_ip": "hosts cannot be chosen by their address",
    "cidr": "hosts cannot be chosen by their address",
    "target_cell": "there are no cells",
    "different_cell": "there are no cells",
}


def check_request(hints: Mapping[str, Any], enabled_filters: Collection[str]) -> None:
    """Check the hints of a request for servers. ``enabled_filters``: the names of the filters, as
    the API's configuration knows them. Called by the API. Raises InvalidInput."""
    for name in hints:
        actor = _ACTS_ON.get(name)
        if name in _REFUSED:
            raise _refused(name, f"it is not supported: {_REFUSED[name]}")
        if actor is not None and actor not in enabled_filters:
            raise _refused(name, f"{actor} is not enabled")
    if hints.get(QUERY):
        try:
            host_query.parse(hints[QUERY])
        except ValueError as exc:
            raise _refused(QUERY, str(exc)) from exc


def _refused(name: str, reason: str) -> exception.InvalidInput:
    return exception.InvalidInput(reason=f"scheduler hint {name}: {reason}")
