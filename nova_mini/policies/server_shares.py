"""Shares of servers."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-server-shares:"
INDEX = _NAME + "index"
SHOW = _NAME + "show"
CREATE = _NAME + "create"
DELETE = _NAME + "delete"

_ALL = "/servers/{server_id}/shares"
_ONE = "/servers/{server_id}/shares/{share_id}"

RULES = [
    base.rule(INDEX, base.PROJECT_READER_OR_ADMIN, "List a server's shares", ("GET", _ALL)),
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show a share of a server", ("GET", _ONE)),
    base.rule(CREATE, base.PROJECT_MEMBER_OR_ADMIN, "Attach a share", ("POST", _ALL)),
    base.rule(DELETE, base.PROJECT_MEMBER_OR_ADMIN, "Detach a share", ("DELETE", _ONE)),
]
