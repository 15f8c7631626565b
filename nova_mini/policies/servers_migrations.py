"""The live migrations of a server: managers of its project see them, without the hosts."""

from nova_mini.policies import base

_NAME = "os_compute_api:servers:migrations:"
INDEX = _NAME + "index"
INDEX_HOST = _NAME + "index:host"
SHOW = _NAME + "show"
DELETE = _NAME + "delete"
FORCE_COMPLETE = _NAME + "force_complete"

_ALL = ("GET", "/servers/{server_id}/migrations")
_ONE = ("GET", "/servers/{server_id}/migrations/{migration_id}")

RULES = [
    base.rule(
        INDEX,
        base.PROJECT_MANAGER_OR_ADMIN,
        "List the live migrations of a server that are in progress, without hosts",
        _ALL,
    ),
    base.rule(INDEX_HOST, base.ADMIN, "See the hosts in the live migrations of a server", _ALL),
    base.rule(
        DELETE,
        base.PROJECT_MANAGER_OR_ADMIN,
        "Abort a live migration that is in progress",
        ("DELETE", "/servers/{server_id}/migrations/{migration_id}"),
    ),
    base.rule(
        FORCE_COMPLETE,
        base.PROJECT_MANAGER_OR_ADMIN,
        "Let a live migration end soon, even if the guest is paused for it",
        ("POST", "/servers/{server_id}/migrations/{migration_id}/action"),
    ),
    base.rule(SHOW, base.ADMIN, "Show a live migration of a server that is in progress", _ONE),
]
