"""Metadata of servers."""

from nova_mini.policies import base

_ALL = "/servers/{server_id}/metadata"
_ONE = "/servers/{server_id}/metadata/{key}"

INDEX = "os_compute_api:server-metadata:index"
SHOW = "os_compute_api:server-metadata:show"
CREATE = "os_compute_api:server-metadata:create"
UPDATE_ALL = "os_compute_api:server-metadata:update_all"
UPDATE = "os_compute_api:server-metadata:update"
DELETE = "os_compute_api:server-metadata:delete"

RULES = [
    base.rule(INDEX, base.PROJECT_READER_OR_ADMIN, "List a server's metadata", ("GET", _ALL)),
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show one item", ("GET", _ONE)),
    base.rule(CREATE, base.PROJECT_MEMBER_OR_ADMIN, "Add items", ("POST", _ALL)),
    base.rule(UPDATE_ALL, base.PROJECT_MEMBER_OR_ADMIN, "Replace all items", ("PUT", _ALL)),
    base.rule(UPDATE, base.PROJECT_MEMBER_OR_ADMIN, "Set one item", ("PUT", _ONE)),
    base.rule(DELETE, base.PROJECT_MEMBER_OR_ADMIN, "Delete one item", ("DELETE", _ONE)),
]
