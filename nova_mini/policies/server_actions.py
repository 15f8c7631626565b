"""Actions on servers (see also ``servers`` and ``shelve``), and attributes for administrators."""

from nova_mini.policies import base

_ACTION = ("POST", "/servers/{server_id}/action")

PAUSE = "os_compute_api:os-pause-server:pause"
UNPAUSE = "os_compute_api:os-pause-server:unpause"
SUSPEND = "os_compute_api:os-suspend-server:suspend"
RESUME = "os_compute_api:os-suspend-server:resume"
LOCK = "os_compute_api:os-lock-server:lock"
UNLOCK = "os_compute_api:os-lock-server:unlock"
UNLOCK_OVERRIDE = "os_compute_api:os-lock-server:unlock:unlock_override"
INJECT_NETWORK_INFO = "os_compute_api:os-admin-actions:inject_network_info"
RESET_STATE = "os_compute_api:os-admin-actions:reset_state"
LIST_SECURITY_GROUPS = "os_compute_api:os-security-groups:list"
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
    ADD_SECURITY_GROUP: "Add a security group to a server",
    REMOVE_SECURITY_GROUP: "Remove a security group from a server",
    CONSOLE_OUTPUT: "Read a server's serial console",
}

RULES = [
    *(
        base.rule(name, base.PROJECT_MEMBER_OR_ADMIN, description, _ACTION)
        for name, description in _FOR_MEMBERS.items()
    ),
    base.rule(
        LIST_SECURITY_GROUPS,
        base.PROJECT_READER_OR_ADMIN,
        "List the security groups of a server",
        ("GET", "/servers/{server_id}/os-security-groups"),
    ),
    base.rule(UNLOCK_OVERRIDE, base.ADMIN, "Unlock a server that an administrator locked", _ACTION),
    base.rule(
        INJECT_NETWORK_INFO,
        base.ADMIN,
        "Make the host of a server read its network information again",
        _ACTION,
    ),
    base.rule(RESET_STATE, base.ADMIN, "Reset the state of a server", _ACTION),
    base.rule(
        EXTENDED_ATTRIBUTES,
        base.ADMIN,
        "See a server's host and its name on the hypervisor",
        ("GET", "/servers/{server_id}"),
        ("GET", "/servers/detail"),
    ),
]
