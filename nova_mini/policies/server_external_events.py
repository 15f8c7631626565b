"""Events come from other services, never from users."""

from nova_mini.policies import base

CREATE = "os_compute_api:os-server-external-events:create"

RULES = [
    base.rule(
        CREATE,
        base.ADMIN_OR_SERVICE,
        "Tell of what happened to a server's ports and volumes",
        ("POST", "/os-server-external-events"),
    ),
]
