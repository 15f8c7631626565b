"""``POST /servers/{id}/action``: shelve, shelveOffload and unshelve."""

from __future__ import annotations

from nova_mini import policy
from nova_mini.actions.parameters import UnshelveDestination
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import server_actions as action_schema
from nova_mini.api.openstack.compute.schemas import shelve as schema
from nova_mini.api.openstack.compute.server_access import get_instance, target_of
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.policies import shelve as shelve_policy


class ShelveController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    @wsgi.action("shelve")
    @wsgi.response(202)
    @validation.schema(action_schema.plain)
    def shelve(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, shelve_policy.SHELVE)
        self.compute_api.shelve(req.context, instance)

    @wsgi.action("shelveOffload")
    @wsgi.response(202)
    @validation.schema(action_schema.plain)
    def shelve_offload(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, shelve_policy.SHELVE_OFFLOAD)
        self.compute_api.shelve_offload(req.context, instance)

    @wsgi.action("unshelve")
    @wsgi.response(202)
    @validation.schema(action_schema.plain, "2.1", "2.76")
    @validation.schema(schema.unshelve_v277, "2.77", "2.90")
    @validation.schema(schema.unshelve_v291, "2.91")
    def unshelve(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, shelve_policy.UNSHELVE)
        requested: UnshelveDestination = {}
        if req.api_version >= (2, 77):
            requested = body["unshelve"] or UnshelveDestination()
        if "host" in requested:
            policy.authorize(req.context, shelve_policy.UNSHELVE_TO_HOST, target_of(instance))
        self.compute_api.unshelve(req.context, instance, requested)
