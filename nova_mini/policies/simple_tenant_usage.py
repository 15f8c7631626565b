"""Usage: projects see their own, administrators all."""

from nova_mini.policies import base

LIST = "os_compute_api:os-simple-tenant-usage:list"
SHOW = "os_compute_api:os-simple-tenant-usage:show"

_ALL = "/os-simple-tenant-usage"

RULES = [
    base.rule(LIST, base.ADMIN, "Usage of every project", ("GET", _ALL)),
    base.rule(
        SHOW, base.PROJECT_READER_OR_ADMIN, "Usage of a project", ("GET", _ALL + "/{tenant_id}")
    ),
]
