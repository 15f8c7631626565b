"""Resolve requests that do not name a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_mini import exception
from nova_mini.network.neutron.client import NeutronClient
from nova_mini.objects.network_model import NetworkRequest, RequestedNetworks

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


def available(client: NeutronClient, project_id: str | None) -> list[dict[str, Any]]:
    """The project's own networks and those shared with it."""
    own = client.list("networks", project_id=project_id)
    shared = client.list("networks", shared=True)
    return list({network["id"]: network for network in own + shared}.values())


def only_available(client: NeutronClient, project_id: str | None) -> dict[str, Any] | None:
    """The only network that the project can use, or None. Raises NetworkAmbiguous if there are
    several."""
    found = available(client, project_id)
    if len(found) > 1:
        raise exception.NetworkAmbiguous()
    return found[0] if found else None


def resolve(
    client: NeutronClient,
    project_id: str | None,
    requested: RequestedNetworks,
    existing: list[dict[str, Any]],
) -> list[NetworkRequest]:
    """The request with a port or a network in every item.

    ``existing``: ports that an earlier attempt created. If the request names no network, theirs
    are used, because the project's networks may have changed.
    """
    if requested == "none":
        return []
    if requested and requested != "auto":
        return [_resolve_one(client, project_id, item) for item in requested]
    if existing:
        return [NetworkRequest(network_id=port["network_id"]) for port in existing]
    network = only_available(client, project_id)
    if network:
        return [NetworkRequest(network_id=network["id"])]
    if requested == "auto":
        return [NetworkRequest(network_id=auto_allocate(client, project_id))]
    return []


def _resolve_one(
    client: NeutronClient, project_id: str | None, item: NetworkRequest
) -> NetworkRequest:
    if item.port_id or item.network_id:
        return item
    network = only_available(client, project_id)
    if network is None:
        raise exception.InvalidInput(reason="the project has no network; create or name one.")
    return NetworkRequest(network_id=network["id"], address=item.address, tag=item.tag)


def auto_allocate(
    client: NeutronClient, project_id: str | None, *, dry_run: bool = False
) -> str | None:
    """Make Neutron create the project's default topology, if there is none yet. Returns the id of
    its network. ``dry_run``: only check whether it can be created. Raises
    UnableToAutoAllocateNetwork."""
    filters = {"fields": "dry-run"} if dry_run else {}
    try:
        response = client.get(f"auto-allocated-topology/{project_id}", **filters)
    except exception.NeutronRequestRefused as exc:
        raise exception.UnableToAutoAllocateNetwork(project_id=project_id) from exc
    return response["auto_allocated_topology"]["id"]


def check_attachable(context: RequestContext, networks: list[dict[str, Any]]) -> None:
    """Check the policy rule ``network:attach_external_network`` for external networks. Called in
    the API for a user's request. Raises ExternalNetworkAttachForbidden."""
    external = [n for n in networks if n.get("router:external") and not n.get("shared")]
    if not external:
        return
    # Imported here, because computes import this module but do not enforce policy.
    from nova_mini import policy
    from nova_mini.policies import servers as server_policy

    if not policy.authorize(context, server_policy.ATTACH_EXTERNAL_NETWORK, fatal=False):
        raise exception.ExternalNetworkAttachForbidden(network_uuid=external[0]["id"])
