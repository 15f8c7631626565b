"""Cold and live migration: managers move the servers of their project, administrators choose the
host."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-migrate-server:"
MIGRATE = _NAME + "migrate"
MIGRATE_HOST = _NAME + "migrate:host"
MIGRATE_LIVE = _NAME + "migrate_live"
MIGRATE_LIVE_HOST = _NAME + "migrate_live:host"

_ACTION = ("POST", "/servers/{server_id}/action")

RULES = [
    base.rule(MIGRATE, base.PROJECT_MANAGER_OR_ADMIN, "Migrate a server to another host", _ACTION),
    base.rule(MIGRATE_HOST, base.ADMIN, "Migrate a server to a named host (2.56)", _ACTION),
    base.rule(
        MIGRATE_LIVE,
        base.PROJECT_MANAGER_OR_ADMIN,
        "Live-migrate a server: move it to another host while it runs",
        _ACTION,
    ),
    base.rule(MIGRATE_LIVE_HOST, base.ADMIN, "Live-migrate a server to a named host", _ACTION),
]
