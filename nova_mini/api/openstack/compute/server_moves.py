"""``POST /servers/{id}/action``: resize, migrate and live migration, and their outcome."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.actions.parameters import LiveMigrateParameters
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import server_actions as action_schema
from nova_mini.api.openstack.compute.schemas import server_moves as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.compute.server_body import disk_config
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.policies import migrate_server as migrate_policy
from nova_mini.policies import servers as server_policy


class ServerMovesController(wsgi.Controller):
    def __init__(self):
        self.compute_api = API()

    @wsgi.action("resize")
    @wsgi.response(202)
    @validation.schema(schema.resize)
    def resize(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, server_policy.RESIZE)
        requested = body["resize"]
        flavor_id = str(requested["flavorRef"])
        self.compute_api.resize(req.context, instance, flavor_id, disk_config(requested))

    @wsgi.action("confirmResize")
    @wsgi.response(204)
    @validation.schema(action_schema.plain)
    def confirm_resize(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, server_policy.CONFIRM_RESIZE)
        self.compute_api.confirm_resize(req.context, instance)

    @wsgi.action("revertResize")
    @wsgi.response(202)
    @validation.schema(action_schema.plain)
    def revert_resize(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, server_policy.REVERT_RESIZE)
        self.compute_api.revert_resize(req.context, instance)

    @wsgi.action("os-migrateLive")
    @wsgi.response(202)
    @validation.schema(schema.migrate_live, "2.1", "2.24")
    @validation.schema(schema.migrate_live_v225, "2.25", "2.29")
    @validation.schema(schema.migrate_live_v230, "2.30", "2.67")
    @validation.schema(schema.migrate_live_v225, "2.68")
    def migrate_live(self, req: Request, id: str, body: dict) -> None:
        requested = body["os-migrateLive"]
        host = requested["host"]
        rule = migrate_policy.MIGRATE_LIVE if host is None else migrate_policy.MIGRATE_LIVE_HOST
        instance = get_instance(req, id, rule)
        parameters = LiveMigrateParameters(
            host=host,
            is_forced=_is_forced(req, requested),
            block_migration=_block_migration(requested["block_migration"]),
            disk_over_commit=_disk_over_commit(requested),
        )
        awaits_checks = req.api_version < (2, 34)
        self.compute_api.live_migrate(
            req.context, instance, parameters, awaits_checks=awaits_checks
        )

    @wsgi.action("migrate")
    @wsgi.response(202)
    @validation.schema(action_schema.plain, "2.1", "2.55")
    @validation.schema(schema.migrate_v256, "2.56")
    def migrate(self, req: Request, id: str, body: dict) -> None:
        requested = (body["migrate"] or {}) if req.api_version >= (2, 56) else {}
        host = requested.get("host")
        rule = migrate_policy.MIGRATE if host is None else migrate_policy.MIGRATE_HOST
        self.compute_api.migrate(req.context, get_instance(req, id, rule), host)


def _is_forced(req: Request, requested: dict) -> bool:
    """Whether the host is used without asking the scheduler: before 2.30 every named host is.
    Raises InvalidInput for ``force`` without a host."""
    if req.api_version < (2, 30):
        return requested["host"] is not None
    is_forced = common.is_true(requested.get("force"))
    if is_forced and requested["host"] is None:
        raise exception.InvalidInput(reason="Can't force to a non-provided destination")
    return is_forced


def _disk_over_commit(requested: dict) -> bool | None:
    """None if the version of the request (2.25 and later) has no such field."""
    value = requested.get("disk_over_commit")
    return None if value is None else common.is_true(value)


def _block_migration(value: bool | str) -> bool | None:
    return None if value == "auto" else common.is_true(value)
