"""Actions on servers that have rules of their own, and what only administrators see of a server."""

from nova_mini.policies import base

_ACTION = ("POST", "/servers/{server_id}/action")

PAUSE = "os_compute_api:os-pause-server:pause"
UNPAUSE = "os_compute_api:os-pause-server:unpause"
SUSPEND = "os_compute_api:os-suspend-server:suspend"
RESUME = "os_compute_api:os-suspend-server:resume"
LOCK = "os_compute_api:os-lock-server:lock"
UNLOCK = "os_compute_api:os-lock-server:unlock"
UNLOCK_OVERRIDE = "os_compute_api:os-lock-server:unlock:unlock_override"
RESET_STATE = "os_compute_api:os-admin-actions:reset_state"
ADD_SECURITY_GROUP = "os_compute_api:os-security-groups:add"
REMOVE_SECURITY_GROUP = "os_compute_api:os-security-groups:remove"
CONSOLE_OUTPUT = "os_compute_api:os-console-output"
EXTENDED_ATTRIBUTES = "os_compute_api:os-extended-server-attributes"

_FOR_MEMBERS = {
    PAUSE: "Pause a server",
    UNPAUSE: "Unpause a server",
    SUSPEND: "Suspend a server",
    RESUME: "Resume a server",
    LOCK: "Lock a server",
    UNLOCK: "Unlock a server",
    ADD_SECURITY_GROUP: "Put a security group on a server",
    REMOVE_SECURITY_GROUP: "Take a security group from a server",
    CONSOLE_OUTPUT: "Read a server's serial console",
}

RULES = [
    *(
        base.rule(name, base.PROJECT_MEMBER_OR_ADMIN, description, _ACTION)
        for name, description in _FOR_MEMBERS.items()
    ),
    base.rule(
        UNLOCK_OVERRIDE, base.ADMIN, "Unlock a server that an administrator locked", _ACTION
    ),
    base.rule(RESET_STATE, base.ADMIN, "Say what state a server is in", _ACTION),
    base.rule(
        EXTENDED_ATTRIBUTES,
        base.ADMIN,
        "See where a server is and what it is called there",
        ("GET", "/servers/{server_id}"),
        ("GET", "/servers/detail"),
    ),
]
