"""Removes the limits that a microversion does not show."""

from __future__ import annotations

from collections.abc import Collection

from nova_mini.api.openstack.request import Request
from nova_mini.quota import NETWORK_RESOURCES

_INJECTED = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")
_GROUPS = ("server_groups", "server_group_members")


def shown(req: Request, limits: dict[str, int]) -> dict[str, int]:
    """The limits that a quota set shows."""
    injected = _INJECTED if req.api_version >= (2, 57) else ()
    network = NETWORK_RESOURCES if req.api_version >= (2, 36) else ()
    return _without(limits, (*injected, *network))


def shown_of_class(req: Request, limits: dict[str, int]) -> dict[str, int]:
    """The limits that a quota class shows. It shows groups, and no longer networks, since 2.50."""
    if req.api_version < (2, 50):
        return _without(limits, _GROUPS)
    injected = _INJECTED if req.api_version >= (2, 57) else ()
    return _without(limits, (*injected, *NETWORK_RESOURCES))


def _without(limits: dict[str, int], hidden: Collection[str]) -> dict[str, int]:
    return {name: limit for name, limit in limits.items() if name not in hidden}
