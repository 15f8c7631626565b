"""``POST /servers/{id}/action``: forceDelete, and restore after a delete."""

from __future__ import annotations

from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import server_actions as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.policies import deferred_delete as delete_policy


class DeferredDeleteController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    @wsgi.action("restore")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def restore(self, req: Request, id: str, body: dict) -> None:
        self.compute_api.restore(req.context, get_instance(req, id, delete_policy.RESTORE))

    @wsgi.action("forceDelete")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def force_delete(self, req: Request, id: str, body: dict) -> None:
        self.compute_api.force_delete(req.context, get_instance(req, id, delete_policy.FORCE))
