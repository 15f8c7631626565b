"""``/os-floating-ips`` and ``/os-floating-ip-pools``: floating addresses of Neutron."""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.proxies import schemas, service
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF
from nova_mini.network.neutron.client import NeutronClient, distinct
from nova_mini.policies import proxies as proxy_policy

_NO_ADDRESSES = ("IpAddressGenerationFailure", "ExternalIpAddressExhausted")


class FloatingIPsController(wsgi.Controller):
    @wsgi.api_version("2.1", service.LAST)
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, proxy_policy.FLOATING_IPS_LIST)
        client = service.neutron(req)
        found = client.list("floatingips", project_id=req.context.project_id)
        return {"floating_ips": _views(client, found)}

    @wsgi.api_version("2.1", service.LAST)
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, proxy_policy.FLOATING_IPS_SHOW)
        client = service.neutron(req)
        return _shown(client, _get(client, id))

    @wsgi.api_version("2.1", service.LAST)
    @validation.schema(schemas.floating_ip)
    def create(self, req: Request, body: dict | None) -> dict:
        """Allocate an address of a pool. Without a pool: of ``default_floating_pool``."""
        policy.authorize(req.context, proxy_policy.FLOATING_IPS_CREATE)
        client = service.neutron(req)
        name = (body or {}).get("pool")
        pool = _find_pool(client, name or CONF.neutron.default_floating_pool)
        requested = {"floating_network_id": pool["id"], "project_id": req.context.project_id}
        in_pool = f" in pool {name}" if name else ""
        try:
            made = client.post("floatingips", {"floatingip": requested})["floatingip"]
        except exception.NeutronRequestRefused as exc:
            if exc.error_type == "OverQuota":
                raise exception.Forbidden(f"IP allocation over quota{in_pool}.") from exc
            if exc.error_type in _NO_ADDRESSES:
                raise exception.NotFound(f"No more floating IPs{in_pool or ' available'}.") from exc
            raise
        return _shown(client, made)

    @wsgi.api_version("2.1", service.LAST)
    @wsgi.response(202)
    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, proxy_policy.FLOATING_IPS_DELETE)
        client = service.neutron(req)
        client.delete("floatingips", _get(client, id)["id"])


class FloatingIPPoolsController(wsgi.Controller):
    """A pool is an external network."""

    @wsgi.api_version("2.1", service.LAST)
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, proxy_policy.FLOATING_IP_POOLS)
        pools = _list_pools(service.neutron(req))
        return {"floating_ip_pools": [{"name": _name_of(pool)} for pool in pools]}


def _list_pools(client: NeutronClient) -> list[dict]:
    return client.list("networks", **{"router:external": True})


def _find_pool(client: NeutronClient, name: str) -> dict:
    """``name``: name or id. Raises FloatingIpPoolNotFound, Conflict."""
    found = [pool for pool in _list_pools(client) if name in (pool["id"], pool["name"])]
    if not found:
        raise exception.FloatingIpPoolNotFound
    if len(found) > 1:
        raise exception.Conflict(f"Multiple floating IP pools matches found for name '{name}'")
    return found[0]


def _get(client: NeutronClient, floating_ip_id: str) -> dict:
    found = client.list("floatingips", id=floating_ip_id)
    if not found:
        raise exception.FloatingIpNotFound(id=floating_ip_id)
    return found[0]


def _shown(client: NeutronClient, floating_ip: dict) -> dict:
    (view,) = _views(client, [floating_ip])
    return {"floating_ip": view}


def _views(client: NeutronClient, found: list[dict]) -> list[dict]:
    """Sends two requests at most, for the ports and for the networks."""
    port_ids = distinct(each["port_id"] for each in found)
    servers = {
        port["id"]: port["device_id"]
        for port in client.list("ports", id=port_ids, fields=["id", "device_id"])
    }
    network_ids = distinct(each["floating_network_id"] for each in found)
    pools = {network["id"]: network for network in client.list("networks", id=network_ids)}
    return [
        {
            "id": each["id"],
            "ip": each["floating_ip_address"],
            "fixed_ip": each["fixed_ip_address"],
            "instance_id": servers.get(each["port_id"]) or None,
            "pool": _name_of(pools.get(each["floating_network_id"], {}))
            or each["floating_network_id"],
        }
        for each in found
    ]


def _name_of(pool: dict) -> str | None:
    return pool.get("name") or pool.get("id")
