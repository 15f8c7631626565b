"""``POST /servers/{id}/action``: evacuate."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute import server_body
from nova_mini.api.openstack.compute.schemas import evacuate as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.compute.requests.evacuate_request import EvacuateRequest
from nova_mini.conf import CONF
from nova_mini.policies import evacuate as evacuate_policy


class EvacuateController(wsgi.Controller):
    def __init__(self):
        self.compute_api = API()

    @wsgi.action("evacuate")
    @validation.schema(schema.evacuate, "2.1", "2.13")
    @validation.schema(schema.evacuate_v214, "2.14", "2.28")
    @validation.schema(schema.evacuate_v229, "2.29", "2.67")
    @validation.schema(schema.evacuate_v214, "2.68")
    def evacuate(self, req: Request, id: str, body: dict) -> dict | None:
        instance = get_instance(req, id, evacuate_policy.EVACUATE)
        request = _request(req, body["evacuate"])
        self.compute_api.evacuate(req.context, instance, request)
        if req.api_version < (2, 14) and CONF.api.enable_instance_password:
            return {"adminPass": request.admin_password}
        return None


def _request(req: Request, requested: dict) -> EvacuateRequest:
    """Before 2.29 a host is used without asking the filters, from 2.68 on never. Raises
    InvalidInput."""
    host, force = requested.get("host"), common.is_true(requested.get("force", False))
    if force and host is None:
        raise exception.InvalidInput(reason="Can't force to a non-provided destination")
    shared = None
    if "onSharedStorage" in requested:
        shared = common.is_true(requested["onSharedStorage"])
        if shared and "adminPass" in requested:
            raise exception.InvalidInput(reason="admin password can't be changed on existing disk")
    return EvacuateRequest(
        host=host,
        force=host is not None and (force or req.api_version < (2, 29)),
        on_shared_storage=shared,
        stop=req.api_version >= (2, 95),
        admin_password=None if shared else server_body.admin_password(requested),
    )
