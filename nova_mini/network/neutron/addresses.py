"""Fixed and floating addresses of an existing server's ports, for requests of old clients."""

from __future__ import annotations

import ipaddress
from typing import Any

from nova_mini import exception
from nova_mini.network.neutron import ports
from nova_mini.network.neutron.client import NeutronClient

_CONFLICT = 409
_PRECONDITION_FAILED = 412


def add_fixed_ip(client: NeutronClient, device_id: str, network_id: str) -> None:
    """Add an address of a network to one of the server's ports there. Not idempotent.

    Raises NetworkNotFound if the server has no port on the network, NoMoreFixedIps.
    """
    found = [p for p in ports.of_device(client, device_id) if p["network_id"] == network_id]
    if not found:
        raise exception.NetworkNotFound(network_id=network_id)
    for subnet in client.list("subnets", network_id=network_id):
        try:
            _set_fixed_ips(client, found[0], [*found[0]["fixed_ips"], {"subnet_id": subnet["id"]}])
            return
        except exception.NeutronRequestRefused as exc:
            if exc.error_type != "IpAddressGenerationFailure":  # otherwise try the next subnet
                raise
    raise exception.NoMoreFixedIps(net=network_id)


def remove_fixed_ip(client: NeutronClient, device_id: str, address: str) -> None:
    """Raises FixedIpNotFoundForInstance."""
    for port in ports.of_device(client, device_id):
        kept = [ip for ip in port["fixed_ips"] if ip["ip_address"] != address]
        if len(kept) < len(port["fixed_ips"]):
            _set_fixed_ips(client, port, kept)
            return
    raise exception.FixedIpNotFoundForInstance(instance_uuid=device_id, ip=address)


def associate_floating_ip(
    client: NeutronClient, device_id: str, address: str, fixed_address: str | None
) -> None:
    """Associate a floating address with a fixed one of the server; None: with its first IPv4
    address. Idempotent.

    Raises FloatingIpNotFoundForAddress, FloatingIpAmbiguous, FloatingIpAssociateFailed if Neutron
    refuses it, InvalidInput if the server does not have the fixed address or any.
    """
    floating = find_floating_ip(client, address)
    port, fixed = _port_with(client, device_id, fixed_address)
    change = {"port_id": port["id"], "fixed_ip_address": fixed}
    try:
        client.update("floatingips", floating["id"], change)
    except exception.NeutronRequestRefused as exc:
        if exc.status == _CONFLICT:  # the fixed address has another one of this external network
            raise exception.FloatingIpAssociateFailed(address=address) from exc
        raise


def disassociate_floating_ip(client: NeutronClient, device_id: str, address: str) -> None:
    """Raises FloatingIpNotFoundForAddress, FloatingIpAmbiguous, FloatingIpNotAssociated."""
    floating = find_floating_ip(client, address)
    port_ids = {port["id"] for port in ports.of_device(client, device_id)}
    if floating["port_id"] not in port_ids:
        raise exception.FloatingIpNotAssociated(address=address, instance_uuid=device_id)
    client.update("floatingips", floating["id"], {"port_id": None})


def find_floating_ip(client: NeutronClient, address: str) -> dict[str, Any]:
    """Raises FloatingIpNotFoundForAddress, FloatingIpAmbiguous."""
    found = client.list("floatingips", floating_ip_address=address)
    if not found:
        raise exception.FloatingIpNotFoundForAddress(address=address)
    if len(found) > 1:
        raise exception.FloatingIpAmbiguous(address=address)
    return found[0]


def _port_with(
    client: NeutronClient, device_id: str, fixed_address: str | None
) -> tuple[dict[str, Any], str]:
    """(port, fixed address)"""
    known = [
        (port, ip["ip_address"])
        for port in ports.of_device(client, device_id)
        for ip in port["fixed_ips"]
    ]
    if not known:
        raise exception.InvalidInput(reason="No fixed IPs associated to instance")
    for port, address in known:
        is_ipv4 = ipaddress.ip_address(address).version == 4
        if address == fixed_address or (fixed_address is None and is_ipv4):
            return port, address
    if fixed_address is not None:
        raise exception.InvalidInput(reason="Specified fixed address not assigned to instance")
    raise exception.InvalidInput(reason="Instance has no fixed IPv4 addresses to associate")


def _set_fixed_ips(
    client: NeutronClient, port: dict[str, Any], fixed_ips: list[dict[str, str]]
) -> None:
    """Raises PortInUse if the port was changed concurrently."""
    change = {"fixed_ips": fixed_ips}
    try:
        client.update("ports", port["id"], change, port.get("revision_number"))
    except exception.NeutronRequestRefused as exc:
        if exc.status == _PRECONDITION_FAILED:
            raise exception.PortInUse(port_id=port["id"]) from exc
        raise
