"""``POST /servers/{id}/action``: resize and migrate, and their confirmation and reversal."""

from __future__ import annotations

from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
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

    @wsgi.action("migrate")
    @wsgi.response(202)
    @validation.schema(action_schema.plain, "2.1", "2.55")
    @validation.schema(schema.migrate_v256, "2.56")
    def migrate(self, req: Request, id: str, body: dict) -> None:
        requested = (body["migrate"] or {}) if req.api_version >= (2, 56) else {}
        host = requested.get("host")
        rule = migrate_policy.MIGRATE if host is None else migrate_policy.MIGRATE_HOST
        self.compute_api.migrate(req.context, get_instance(req, id, rule), host)
