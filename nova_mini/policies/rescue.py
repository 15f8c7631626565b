"""Rescue mode of servers."""

from nova_mini.policies import base

RESCUE = "os_compute_api:os-rescue"
UNRESCUE = "os_compute_api:os-unrescue"

_ACTION = ("POST", "/servers/{server_id}/action")

RULES = [
    base.rule(RESCUE, base.PROJECT_MEMBER_OR_ADMIN, "Rescue a server", _ACTION),
    base.rule(UNRESCUE, base.PROJECT_MEMBER_OR_ADMIN, "Unrescue a server", _ACTION),
]
