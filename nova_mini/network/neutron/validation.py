"""Whether a request for networks can be served: asked as the user, before a server is made."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from oslo_utils import uuidutils

from nova_mini import exception
from nova_mini.network.model import NetworkRequest, RequestedNetworks
from nova_mini.network.neutron import networks, ports
from nova_mini.network.neutron.client import NeutronClient, distinct

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


def validate(
    context: RequestContext, client: NeutronClient, requested: RequestedNetworks, max_count: int
) -> int:
    """How many servers, at most ``max_count``, the request can be served for."""
    if requested == "none":
        return max_count
    if requested and requested != "auto":
        needed = _validate_named(context, client, requested, max_count)
    else:
        needed = _validate_open(context, client, requested)
    return _within_quota(context, client, needed, max_count) if needed else max_count


def _validate_open(
    context: RequestContext, client: NeutronClient, requested: RequestedNetworks
) -> int:
    """The user leaves the network to us. Returns the ports that one server needs."""
    network = networks.only_available(client, context.project_id)
    if network:
        networks.check_attachable(context, [network])
        return 1
    if requested == "auto":
        networks.auto_allocate(client, context.project_id, dry_run=True)
        return 1
    return 0


def _validate_named(
    context: RequestContext, client: NeutronClient, requested: list[NetworkRequest], max_count: int
) -> int:
    if max_count > 1:
        _check_repeatable(requested)
    port_ids = [item.port_id for item in requested if item.port_id]
    _validate_ports(context, client, port_ids)
    named = networks.resolve(client, context.project_id, requested, [])
    wanted = [item for item in named if not item.port_id]
    found = _validate_networks(context, client, distinct(item.network_id for item in wanted))
    _validate_addresses(context, client, [item for item in wanted if item.address], found)
    return len(wanted)


def _check_repeatable(requested: list[NetworkRequest]) -> None:
    for item in requested:
        if item.port_id or item.address:
            what = "port" if item.port_id else "fixed IP"
            raise exception.InvalidInput(
                reason=f"a {what} can only be given to one server; ask for one server at a time."
            )


def _validate_ports(context: RequestContext, client: NeutronClient, port_ids: list[str]) -> None:
    found = {port["id"]: port for port in client.list("ports", id=port_ids)}
    for position, port_id in enumerate(port_ids):
        if port_id in port_ids[:position]:
            raise exception.InvalidInput(reason=f"port {port_id} is named twice.")
        if port_id not in found:
            raise exception.PortNotFound(port_id=port_id)
        ports.check_usable(found[port_id], context.project_id)


def _validate_networks(
    context: RequestContext, client: NeutronClient, network_ids: list[str]
) -> dict[str, dict[str, Any]]:
    """Their records by id."""
    found = {network["id"]: network for network in client.list("networks", id=network_ids)}
    for network_id in network_ids:
        if network_id not in found:
            raise exception.NetworkNotFound(network_id=network_id)
        if not found[network_id]["subnets"]:
            raise exception.NetworkRequiresSubnet(network_uuid=network_id)
    networks.check_attachable(context, list(found.values()))
    return found


def _validate_addresses(
    context: RequestContext,
    client: NeutronClient,
    wanted: list[NetworkRequest],
    found: dict[str, dict[str, Any]],
) -> None:
    """An address must be in a subnet of its network, be free, and be the user's to choose.

    We create ports as the service, so Neutron's rule that an address on a network of somebody
    else is not the user's to choose must be kept here.
    """
    subnets = client.list("subnets", network_id=distinct(item.network_id for item in wanted))
    for item in wanted:
        if found[item.network_id]["project_id"] != context.project_id and not context.is_admin:
            raise exception.Forbidden(
                f"Network {item.network_id} belongs to another project, so fixed IPs on it cannot "
                "be chosen; leave fixed_ip out."
            )
        _check_in_subnet(item, subnets)
        _check_free(client, item)


def _check_in_subnet(item: NetworkRequest, subnets: list[dict[str, Any]]) -> None:
    try:
        address = ipaddress.ip_address(item.address)
    except ValueError as exc:
        raise exception.InvalidInput(reason=f"{item.address} is no IP address.") from exc
    if not any(
        subnet["network_id"] == item.network_id and address in ipaddress.ip_network(subnet["cidr"])
        for subnet in subnets
    ):
        raise exception.InvalidInput(
            reason=f"{item.address} is in no subnet of network {item.network_id}."
        )


def _check_free(client: NeutronClient, item: NetworkRequest) -> None:
    users = client.list(
        "ports",
        network_id=item.network_id,
        fixed_ips=f"ip_address={item.address}",
        fields=["id", "device_id"],
    )
    if users:
        raise exception.FixedIpAlreadyInUse(
            address=item.address, instance_uuid=users[0]["device_id"] or "(none)"
        )


def _within_quota(
    context: RequestContext, client: NeutronClient, needed: int, max_count: int
) -> int:
    """``needed``: new ports per server. Raises PortLimitExceeded when not even one would fit."""
    quota = client.get(f"quotas/{context.project_id}/details")["quota"]["port"]
    if quota["limit"] < 0:
        return max_count
    free = quota["limit"] - quota["used"] - quota["reserved"]
    if free < needed:
        raise exception.PortLimitExceeded()
    return min(max_count, free // needed)


def security_group_ids(client: NeutronClient, project_id: str, names: list[str]) -> list[str]:
    """Names or ids -> ids. Raises SecurityGroupNotFound, SecurityGroupAmbiguous."""
    fields = ["id", "name"]
    groups = client.list("security-groups", name=names, project_id=project_id, fields=fields)
    ids = [name for name in names if uuidutils.is_uuid_like(name)]
    by_id = {group["id"] for group in client.list("security-groups", id=ids, fields=fields)}
    found = []
    for name in distinct(names):
        named = [group["id"] for group in groups if group["name"] == name]
        if name not in by_id and not named:
            raise exception.SecurityGroupNotFound(security_group_id=name)
        if name not in by_id and len(named) > 1:
            raise exception.SecurityGroupAmbiguous(name=name)
        found.append(name if name in by_id else named[0])
    return found
