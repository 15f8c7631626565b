"""The administrator's password in a guest."""

from nova_mini.policies import base

CHANGE = "os_compute_api:os-admin-password"

RULES = [
    base.rule(
        CHANGE,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Change the administrator's password of a server",
        ("POST", "/servers/{server_id}/action"),
    )
]
