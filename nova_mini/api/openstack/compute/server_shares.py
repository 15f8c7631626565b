"""``/servers/{id}/shares``: shares of the file share service Manila (2.97).

No host can attach a share to a guest: that needs virtiofs, and a guest whose memory is in files. So
no server has shares, and requests for one get the codes that Nova documents for such hosts.
"""

from __future__ import annotations

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import server_shares as schema
from nova_mini.api.openstack.compute.server_access import get_instance, get_record
from nova_mini.api.openstack.request import Request
from nova_mini.policies import server_shares as share_policy
from nova_mini.states import state_checks


class ServerSharesController(wsgi.Controller):
    @wsgi.api_version("2.97")
    @validation.query_schema(schema.nothing)
    def index(self, req: Request, server_id: str) -> dict:
        get_record(req, server_id, share_policy.INDEX)
        return {"shares": []}

    @wsgi.api_version("2.97")
    @wsgi.response(201)
    @validation.schema(schema.create)
    def create(self, req: Request, server_id: str, body: dict) -> None:
        instance = get_instance(req, server_id, share_policy.CREATE)
        state_checks.check(req.context, instance, "attach share")
        raise exception.SharesNotSupported()

    @wsgi.api_version("2.97")
    @validation.query_schema(schema.nothing)
    def show(self, req: Request, server_id: str, id: str) -> None:
        get_record(req, server_id, share_policy.SHOW)
        raise exception.ShareNotFound(share_id=id)

    @wsgi.api_version("2.97")
    def delete(self, req: Request, server_id: str, id: str) -> None:
        instance = get_instance(req, server_id, share_policy.DELETE)
        state_checks.check(req.context, instance, "detach share")
        raise exception.ShareNotFound(share_id=id)
