"""Which networks a request means, when it does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_mini import exception
from nova_mini.network.model import NetworkRequest, RequestedNetworks
from nova_mini.network.neutron.client import NeutronClient

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


def available(client: NeutronClient, project_id: str) -> list[dict[str, Any]]:
    """The project's own networks and those shared with it."""
    own = client.list("networks", project_id=project_id)
    shared = client.list("networks", shared=True)
    return list({network["id"]: network for network in own + shared}.values())


def only_available(client: NeutronClient, project_id: str) -> dict[str, Any] | None:
    """The one that a request which names none can mean. Raises NetworkAmbiguous."""
    found = available(client, project_id)
    if len(found) > 1:
        raise exception.NetworkAmbiguous()
    return found[0] if found else None


def resolve(
    client: NeutronClient,
    project_id: str,
    requested: RequestedNetworks,
    present: list[dict[str, Any]],
) -> list[NetworkRequest]:
    """Every item names a port or a network. ``present``: ports that an earlier attempt made.

    They decide where the request left it open: the project may have other networks by now.
    """
    if requested == "none":
        return []
    if requested and requested != "auto":
        return [_resolve_one(client, project_id, item) for item in requested]
    if present:
        return [NetworkRequest(network_id=port["network_id"]) for port in present]
    network = only_available(client, project_id)
    if network:
        return [NetworkRequest(network_id=network["id"])]
    if requested == "auto":
        return [NetworkRequest(network_id=auto_allocate(client, project_id))]
    return []


def _resolve_one(client: NeutronClient, project_id: str, item: NetworkRequest) -> NetworkRequest:
    if item.port_id or item.network_id:
        return item
    network = only_available(client, project_id)
    if network is None:
        raise exception.InvalidInput(reason="the project has no network; create or name one.")
    return NetworkRequest(network_id=network["id"], address=item.address, tag=item.tag)


def auto_allocate(client: NeutronClient, project_id: str, *, dry_run: bool = False) -> str | None:
    """Neutron makes the project's topology (once) and says which network is the servers'."""
    filters = {"fields": "dry-run"} if dry_run else {}
    try:
        answer = client.get(f"auto-allocated-topology/{project_id}", **filters)
    except exception.NeutronRequestRefused as exc:
        raise exception.UnableToAutoAllocateNetwork(project_id=project_id) from exc
    return answer["auto_allocated_topology"]["id"]


def check_attachable(context: RequestContext, networks: list[dict[str, Any]]) -> None:
    """Raises ExternalNetworkAttachForbidden: only routers have their place on such a network."""
    for network in networks:
        if network.get("router:external") and not network.get("shared") and not context.is_admin:
            raise exception.ExternalNetworkAttachForbidden(network_uuid=network["id"])
