"""Consoles of servers."""

from nova_mini.policies import base

CREATE = "os_compute_api:os-remote-consoles"

RULES = [
    base.rule(
        CREATE,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Get a URL that opens a console of a server",
        ("POST", "/servers/{server_id}/action"),
        ("POST", "/servers/{server_id}/remote-consoles"),
    ),
]
