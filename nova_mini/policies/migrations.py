"""The list of migrations: managers see those of their own project, without the hosts."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-migrations:"
INDEX = _NAME + "index"
INDEX_ALL_PROJECTS = _NAME + "index:all_projects"
INDEX_HOST = _NAME + "index:host"

_ALL = ("GET", "/os-migrations")

RULES = [
    base.rule(INDEX, base.PROJECT_MANAGER_OR_ADMIN, "List migrations, without hosts", _ALL),
    base.rule(INDEX_ALL_PROJECTS, base.ADMIN, "List migrations of other projects", _ALL),
    base.rule(INDEX_HOST, base.ADMIN, "See the hosts in the list of migrations", _ALL),
]
