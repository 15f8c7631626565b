"""Backups of servers."""

from nova_mini.policies import base

CREATE = "os_compute_api:os-create-backup"

RULES = [
    base.rule(
        CREATE,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Make a backup of a server, and delete its oldest backups",
        ("POST", "/servers/{server_id}/action"),
    )
]
