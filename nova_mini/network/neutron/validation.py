"""Check a request for networks before a server is created. Uses the user's token."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from oslo_utils import uuidutils

from nova_mini import exception
from nova_mini.network.neutron import networks, ports
from nova_mini.network.neutron.client import NeutronClient, distinct
from nova_mini.objects.network_model import NetworkRequest, RequestedNetworks

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


def validate(
    context: RequestContext, client: NeutronClient, requested: RequestedNetworks, max_count: int
) -> int:
    """For how many servers, at most ``max_count``, the request can be fulfilled."""
    if requested == "none":
        return max_count
    if requested and requested != "auto":
        needed = _validate_named(context, client, requested, max_count)
    else:
        needed = _validate_unnamed(context, client, requested)
    return _within_quota(context, client, needed, max_count) if needed else max_count


def _validate_unnamed(
    context: RequestContext, client: NeutronClient, requested: RequestedNetworks
) -> int:
    """Check a request that names no network. Returns the number of ports that a server needs."""
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
    new_ports = [item for item in named if not item.port_id]
    found = _validate_networks(context, client, distinct(item.network_id for item in new_ports))
    _validate_addresses(context, client, [item for item in new_ports if item.address], found)
    return len(new_ports)


def _check_repeatable(requested: list[NetworkRequest]) -> None:
    for item in requested:
        if item.port_id or item.address:
            kind = "port" if item.port_id else "fixed IP"
            raise exception.InvalidInput(
                reason=f"a {kind} can only be given to one server; create one server at a time."
            )


def _validate_ports(context: RequestContext, client: NeutronClient, port_ids: list[str]) -> None:
    found = {port["id"]: port for port in client.list("ports", id=port_ids)}
    for position, port_id in enumerate(port_ids):
        if port_id in port_ids[:position]:
            raise exception.InvalidInput(reason=f"port {port_id} is requested twice.")
        if port_id not in found:
            raise exception.PortNotFound(port_id=port_id)
        ports.check_usable(found[port_id], context.project_id)


def check_resource_requests(service: NeutronClient, requested: RequestedNetworks) -> None:
    """Check the requested ports for resource requests. ``service``: a client with the service's
    credentials, because Neutron does not show resource requests to users.

    Raises PortResourceRequestNotSupported.
    """
    if isinstance(requested, str):
        return
    port_ids = [item.port_id for item in requested if item.port_id]
    for port in service.list("ports", id=port_ids, fields=["id", "resource_request"]):
        ports.check_resource_request(port)


def _validate_networks(
    context: RequestContext, client: NeutronClient, network_ids: list[str]
) -> dict[str, dict[str, Any]]:
    """Returns network id -> record."""
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
    requests: list[NetworkRequest],
    found: dict[str, dict[str, Any]],
) -> None:
    """Check that each address is free and in a subnet of its network, and that the user may choose
    it.

    Neutron does not let users choose an address on another project's network. This is checked here,
    because ports are created with the service's credentials.
    """
    subnets = client.list("subnets", network_id=distinct(item.network_id for item in requests))
    for item in requests:
        if (
            found[item.known_network_id]["project_id"] != context.project_id
            and not context.is_admin
        ):
            raise exception.Forbidden(
                f"Network {item.network_id} belongs to another project, so fixed IPs on it cannot "
                "be chosen; leave fixed_ip out."
            )
        _check_in_subnet(item, subnets)
        _check_free(client, item)


def _check_in_subnet(item: NetworkRequest, subnets: list[dict[str, Any]]) -> None:
    try:
        address = ipaddress.ip_address(item.address or "")
    except ValueError as exc:
        raise exception.InvalidInput(reason=f"{item.address} is not an IP address.") from exc
    if not any(
        subnet["network_id"] == item.network_id and address in ipaddress.ip_network(subnet["cidr"])
        for subnet in subnets
    ):
        raise exception.InvalidInput(
            reason=f"{item.address} is not in a subnet of network {item.network_id}."
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
    """For how many servers the port quota suffices. ``needed``: new ports per server. Raises
    PortLimitExceeded if it does not suffice for one."""
    quota = client.get(f"quotas/{context.project_id}/details")["quota"]["port"]
    if quota["limit"] < 0:
        return max_count
    free = quota["limit"] - quota["used"] - quota["reserved"]
    if free < needed:
        raise exception.PortLimitExceeded()
    return min(max_count, free // needed)


def security_group_ids(
    client: NeutronClient, project_id: str | None, names: list[str]
) -> list[str]:
    """The ids of groups; ``names``: names or ids. Raises SecurityGroupNotFound,
    SecurityGroupAmbiguous."""
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
