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
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show a metadata item", ("GET", _ONE)),
    base.rule(CREATE, base.PROJECT_MEMBER_OR_ADMIN, "Add metadata items", ("POST", _ALL)),
    base.rule(
        UPDATE_ALL, base.PROJECT_MEMBER_OR_ADMIN, "Replace all metadata items", ("PUT", _ALL)
    ),
    base.rule(UPDATE, base.PROJECT_MEMBER_OR_ADMIN, "Set a metadata item", ("PUT", _ONE)),
    base.rule(DELETE, base.PROJECT_MEMBER_OR_ADMIN, "Delete a metadata item", ("DELETE", _ONE)),
]
