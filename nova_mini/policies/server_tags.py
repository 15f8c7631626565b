"""Tags of servers."""

from nova_mini.policies import base

_ALL = "/servers/{server_id}/tags"
_ONE = "/servers/{server_id}/tags/{tag}"

INDEX = "os_compute_api:os-server-tags:index"
SHOW = "os_compute_api:os-server-tags:show"
UPDATE = "os_compute_api:os-server-tags:update"
UPDATE_ALL = "os_compute_api:os-server-tags:update_all"
DELETE = "os_compute_api:os-server-tags:delete"
DELETE_ALL = "os_compute_api:os-server-tags:delete_all"

RULES = [
    base.rule(INDEX, base.PROJECT_READER_OR_ADMIN, "List a server's tags", ("GET", _ALL)),
    base.rule(
        SHOW, base.PROJECT_READER_OR_ADMIN, "Check whether a server has a tag", ("GET", _ONE)
    ),
    base.rule(UPDATE, base.PROJECT_MEMBER_OR_ADMIN, "Add a tag", ("PUT", _ONE)),
    base.rule(UPDATE_ALL, base.PROJECT_MEMBER_OR_ADMIN, "Replace all tags", ("PUT", _ALL)),
    base.rule(DELETE, base.PROJECT_MEMBER_OR_ADMIN, "Delete a tag", ("DELETE", _ONE)),
    base.rule(DELETE_ALL, base.PROJECT_MEMBER_OR_ADMIN, "Delete all tags", ("DELETE", _ALL)),
]
