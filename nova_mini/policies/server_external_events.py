"""External events, which other services send."""

from nova_mini.policies import base

CREATE = "os_compute_api:os-server-external-events:create"

RULES = [
    base.rule(
        CREATE,
        base.SERVICE_OR_ADMIN,
        "Send events about a server's ports and volumes",
        ("POST", "/os-server-external-events"),
    ),
]
