"""``/os-networks`` and ``/os-tenant-networks``: networks of Neutron."""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.proxies import service
from nova_mini.api.openstack.request import Request
from nova_mini.policies import proxies as proxy_policy

# Properties that networks of the Compute service had. Neutron's have none of them.
_ALWAYS_NULL = (
    "cidr",
    "netmask",
    "gateway",
    "broadcast",
    "dns1",
    "dns2",
    "cidr_v6",
    "gateway_v6",
    "netmask_v6",
)
_ALWAYS_NULL_FOR_ADMINS = (
    "created_at",
    "updated_at",
    "deleted_at",
    "deleted",
    "injected",
    "bridge",
    "vlan",
    "vpn_public_address",
    "vpn_public_port",
    "vpn_private_address",
    "dhcp_start",
    "project_id",
    "host",
    "bridge_interface",
    "multi_host",
    "priority",
    "rxtx_base",
    "mtu",
    "dhcp_server",
    "enable_dhcp",
    "share_address",
)


class NetworksController(wsgi.Controller):
    @wsgi.api_version("2.1", service.LAST)
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, proxy_policy.NETWORKS_LIST)
        return {"networks": [_network(req, each) for each in _visible(req)]}

    @wsgi.api_version("2.1", service.LAST)
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, proxy_policy.NETWORKS_SHOW)
        return {"network": _network(req, _get(req, id))}


class TenantNetworksController(wsgi.Controller):
    @wsgi.api_version("2.1", service.LAST)
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, proxy_policy.TENANT_NETWORKS_LIST)
        return {"networks": [_tenant_network(each) for each in _visible(req)]}

    @wsgi.api_version("2.1", service.LAST)
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, proxy_policy.TENANT_NETWORKS_SHOW)
        return {"network": _tenant_network(_get(req, id))}


def _visible(req: Request) -> list[dict]:
    """All networks that Neutron shows to the user, external ones included."""
    return service.neutron(req).list("networks")


def _get(req: Request, network_id: str) -> dict:
    found = service.neutron(req).list("networks", id=network_id)
    if not found:
        raise exception.NetworkNotFound(network_id=network_id)
    return found[0]


def _network(req: Request, network: dict) -> dict:
    names = _ALWAYS_NULL + (_ALWAYS_NULL_FOR_ADMINS if req.context.is_admin else ())
    return {"id": network["id"], "label": network["name"], **dict.fromkeys(names)}


def _tenant_network(network: dict) -> dict:
    """``cidr`` is this text in Nova, too."""
    return {"id": network["id"], "label": network["name"], "cidr": "None"}
