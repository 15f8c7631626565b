"""``POST /servers/{id}/action``: changePassword."""

from __future__ import annotations

from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import admin_password as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.policies import admin_password as password_policy


class AdminPasswordController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    @wsgi.action("changePassword")
    @wsgi.response(202)
    @validation.schema(schema.change_password)
    def change_password(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, password_policy.CHANGE)
        password = body["changePassword"]["adminPass"]
        self.compute_api.set_admin_password(req.context, instance, password)
