"""Which limits a microversion shows."""

from __future__ import annotations

from nova_mini.api.openstack.compute.schemas.quota_sets import NETWORK
from nova_mini.api.openstack.request import Request

_INJECTED = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")
_GROUPS = ("server_groups", "server_group_members")


def shown(req: Request, limits: dict[str, int]) -> dict[str, int]:
    """For a quota set."""
    hidden = _INJECTED if req.api_version >= (2, 57) else ()
    network = NETWORK if req.api_version < (2, 36) else ()
    return _select(limits, hidden, network)


def shown_of_class(req: Request, limits: dict[str, int]) -> dict[str, int]:
    """For a quota class, which learned of groups and forgot networks later, in 2.50."""
    hidden = _INJECTED if req.api_version >= (2, 57) else ()
    if req.api_version < (2, 50):
        return _select(limits, _GROUPS, NETWORK)
    return _select(limits, hidden, ())


def _select(limits: dict[str, int], hidden: tuple, unlimited: tuple) -> dict[str, int]:
    view = {name: limit for name, limit in limits.items() if name not in hidden}
    return view | dict.fromkeys(unlimited, -1)
