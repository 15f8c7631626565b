"""``/servers/{id}/ips``"""

from __future__ import annotations

from nova_mini import exception
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.server_access import get_record
from nova_mini.api.openstack.compute.views.addresses import addresses
from nova_mini.api.openstack.request import Request
from nova_mini.policies import attach_interfaces as interface_policy


class IPsController(wsgi.Controller):
    def index(self, req: Request, server_id: str) -> dict:
        record = get_record(req, server_id, interface_policy.IPS_INDEX)
        return {"addresses": addresses(record.vifs)}

    def show(self, req: Request, server_id: str, id: str) -> dict:
        record = get_record(req, server_id, interface_policy.IPS_SHOW)
        found = addresses(record.vifs)
        if id not in found:
            raise exception.NotFound("Instance is not a member of specified network")
        return {id: found[id]}
