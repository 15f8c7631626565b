"""``POST /servers/{id}/action``: rescue and unrescue."""

from __future__ import annotations

from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute import server_body
from nova_mini.api.openstack.compute.schemas import rescue as schema
from nova_mini.api.openstack.compute.schemas import server_actions as action_schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.conf import CONF
from nova_mini.policies import rescue as rescue_policy


class RescueController(wsgi.Controller):
    def __init__(self):
        self.compute_api = API()

    @wsgi.action("rescue")
    @validation.schema(schema.rescue)
    def rescue(self, req: Request, id: str, body: dict) -> dict:
        instance = get_instance(req, id, rescue_policy.RESCUE)
        request = server_body.rescue_request(req, body["rescue"] or {})
        self.compute_api.rescue(req.context, instance, request)
        if CONF.api.enable_instance_password:
            return {"adminPass": request.admin_password}
        return {}

    @wsgi.action("unrescue")
    @wsgi.response(202)
    @validation.schema(action_schema.plain)
    def unrescue(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, rescue_policy.UNRESCUE)
        self.compute_api.unrescue(req.context, instance)
