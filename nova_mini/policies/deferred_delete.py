"""Servers that are deleted and can be restored for a while."""

from nova_mini.policies import base

RESTORE = "os_compute_api:os-deferred-delete:restore"
FORCE = "os_compute_api:os-deferred-delete:force"

_ACTION = ("POST", "/servers/{server_id}/action")

RULES = [
    base.rule(RESTORE, base.PROJECT_MEMBER_OR_ADMIN, "Restore a deleted server", _ACTION),
    base.rule(
        FORCE,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Delete a server at once, so that it cannot be restored",
        _ACTION,
    ),
]
