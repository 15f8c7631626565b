"""The encrypted administrator password that a guest has stored at the metadata service."""

from nova_mini.policies import base

SHOW = "os_compute_api:os-server-password:show"
CLEAR = "os_compute_api:os-server-password:clear"

_PATH = "/servers/{server_id}/os-server-password"

RULES = [
    base.rule(
        SHOW,
        base.PROJECT_READER_OR_ADMIN,
        "Show the encrypted password of a server",
        ("GET", _PATH),
    ),
    base.rule(
        CLEAR,
        base.PROJECT_MEMBER_OR_ADMIN,
        "Remove the encrypted password of a server from the metadata service",
        ("DELETE", _PATH),
    ),
]
