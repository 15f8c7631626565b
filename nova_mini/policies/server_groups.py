"""Server groups belong to projects."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-server-groups:"
INDEX = _NAME + "index"
INDEX_ALL_PROJECTS = _NAME + "index:all_projects"
SHOW = _NAME + "show"
CREATE = _NAME + "create"
DELETE = _NAME + "delete"

_ALL = "/os-server-groups"
_ONE = "/os-server-groups/{server_group_id}"

RULES = [
    base.rule(INDEX, base.PROJECT_READER_OR_ADMIN, "List server groups", ("GET", _ALL)),
    base.rule(
        INDEX_ALL_PROJECTS, base.ADMIN, "List the server groups of all projects", ("GET", _ALL)
    ),
    base.rule(SHOW, base.PROJECT_READER_OR_ADMIN, "Show a server group", ("GET", _ONE)),
    base.rule(CREATE, base.PROJECT_MEMBER_OR_ADMIN, "Create a server group", ("POST", _ALL)),
    base.rule(DELETE, base.PROJECT_MEMBER_OR_ADMIN, "Delete a server group", ("DELETE", _ONE)),
]
