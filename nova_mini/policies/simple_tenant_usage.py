"""Usage: projects see their own, administrators that of all projects."""

from nova_mini.policies import base

LIST = "os_compute_api:os-simple-tenant-usage:list"
SHOW = "os_compute_api:os-simple-tenant-usage:show"

_ALL = "/os-simple-tenant-usage"

RULES = [
    base.rule(LIST, base.ADMIN, "Show the usage of every project", ("GET", _ALL)),
    base.rule(
        SHOW,
        base.PROJECT_READER_OR_ADMIN,
        "Show the usage of a project",
        ("GET", _ALL + "/{tenant_id}"),
    ),
]
