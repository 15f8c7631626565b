"""Actions of servers to 2.43: add and remove fixed and floating addresses."""

from __future__ import annotations

from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.proxies import schemas, service
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.network.neutron import addresses
from nova_mini.policies import proxies as proxy_policy
from nova_mini.states import state_checks

_LAST = "2.43"


class ServerAddressesController(wsgi.Controller):
    """Neutron is changed with the user's token. Then the host reads the ports of the server again;
    if that message is lost, Neutron's own notification has the same effect."""

    def __init__(self) -> None:
        self.compute_api = API()

    @wsgi.api_version("2.1", _LAST)
    @wsgi.action("addFixedIp")
    @wsgi.response(202)
    @validation.schema(schemas.add_fixed_ip)
    def _add_fixed_ip(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, proxy_policy.FIXED_IP_ADD)
        state_checks.check(req.context, instance, "fixed IPs")
        network_id = str(body["addFixedIp"]["networkId"])
        addresses.add_fixed_ip(service.neutron(req), instance.uuid, network_id)
        self.compute_api.refresh_network_info(req.context, instance)

    @wsgi.api_version("2.1", _LAST)
    @wsgi.action("removeFixedIp")
    @wsgi.response(202)
    @validation.schema(schemas.remove_fixed_ip)
    def _remove_fixed_ip(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, proxy_policy.FIXED_IP_REMOVE)
        state_checks.check(req.context, instance, "fixed IPs")
        address = body["removeFixedIp"]["address"]
        addresses.remove_fixed_ip(service.neutron(req), instance.uuid, address)
        self.compute_api.refresh_network_info(req.context, instance)

    @wsgi.api_version("2.1", _LAST)
    @wsgi.action("addFloatingIp")
    @wsgi.response(202)
    @validation.schema(schemas.add_floating_ip)
    def _add_floating_ip(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, proxy_policy.FLOATING_IP_ADD)
        requested = body["addFloatingIp"]
        addresses.associate_floating_ip(
            service.neutron(req),
            instance.uuid,
            requested["address"],
            requested.get("fixed_address"),
        )
        self.compute_api.refresh_network_info(req.context, instance)

    @wsgi.api_version("2.1", _LAST)
    @wsgi.action("removeFloatingIp")
    @wsgi.response(202)
    @validation.schema(schemas.remove_floating_ip)
    def _remove_floating_ip(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, proxy_policy.FLOATING_IP_REMOVE)
        address = body["removeFloatingIp"]["address"]
        addresses.disassociate_floating_ip(service.neutron(req), instance.uuid, address)
        self.compute_api.refresh_network_info(req.context, instance)
