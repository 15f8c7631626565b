"""Network interfaces and addresses of servers."""

from nova_mini.policies import base

_ALL = "/servers/{server_id}/os-interface"
_ONE = "/servers/{server_id}/os-interface/{port_id}"

LIST = "os_compute_api:os-attach-interfaces:list"
SHOW = "os_compute_api:os-attach-interfaces:show"
CREATE = "os_compute_api:os-attach-interfaces:create"
DELETE = "os_compute_api:os-attach-interfaces:delete"
IPS_INDEX = "os_compute_api:ips:index"
IPS_SHOW = "os_compute_api:ips:show"

RULES = [
    base.rule(LIST, base.PROJECT_READER_OR_ADMIN, "List a server's interfaces", ("GET", _ALL)),
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show an interface", ("GET", _ONE)),
    base.rule(CREATE, base.PROJECT_MEMBER_OR_ADMIN, "Attach an interface", ("POST", _ALL)),
    base.rule(DELETE, base.PROJECT_MEMBER_OR_ADMIN, "Detach an interface", ("DELETE", _ONE)),
    base.rule(
        IPS_INDEX,
        base.PROJECT_READER_OR_ADMIN,
        "List a server's addresses",
        ("GET", "/servers/{server_id}/ips"),
    ),
    base.rule(
        IPS_SHOW,
        base.PROJECT_READER_OR_ADMIN,
        "List a server's addresses on one network",
        ("GET", "/servers/{server_id}/ips/{network_label}"),
    ),
]
