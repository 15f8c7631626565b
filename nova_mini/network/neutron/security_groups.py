"""The security groups of an existing server's ports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nova_mini import exception
from nova_mini.network.neutron import topology
from nova_mini.network.neutron.client import NeutronClient, distinct

_ATTEMPTS = 3
_PRECONDITION_FAILED = 412


def add(client: NeutronClient, ports: list[dict[str, Any]], group_id: str) -> None:
    """Add a group to every port. Idempotent. Raises SecurityGroupCannotBeApplied for a port without
    port security or without a fixed IP."""
    for port in ports:
        if not port.get("port_security_enabled", True) or not port["fixed_ips"]:
            raise exception.SecurityGroupCannotBeApplied(network_id=port["network_id"])
    for port in ports:
        _change(client, port, lambda groups: list(dict.fromkeys([*groups, group_id])))


def remove(client: NeutronClient, ports: list[dict[str, Any]], group_id: str) -> None:
    """Remove a group from every port. Raises SecurityGroupNotFound when no port has it."""
    with_group = [port for port in ports if group_id in port["security_groups"]]
    if not with_group:
        raise exception.SecurityGroupNotFound(security_group_id=group_id)
    for port in with_group:
        _change(client, port, lambda groups: [group for group in groups if group != group_id])


def of_ports(
    client: NeutronClient, ports: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """(Neutron's records of the ports' groups with their rules, records by id). The second value
    also has the groups to which the rules refer as remote groups, if the user may see them. Sends
    at most two requests."""
    ids = distinct(group_id for port in ports for group_id in port["security_groups"])
    if not ids:
        return [], {}
    groups = client.list("security-groups", id=ids)
    return groups, with_sources(client, groups)


def with_sources(client: NeutronClient, groups: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Records by id: the groups, and those to which their rules refer as remote groups, if the user
    may see them. Sends one request at most."""
    known = {group["id"]: group for group in groups}
    sources = distinct(
        rule["remote_group_id"]
        for group in groups
        for rule in group["security_group_rules"]
        if rule["remote_group_id"] and rule["remote_group_id"] not in known
    )
    if sources:
        known |= {group["id"]: group for group in client.list("security-groups", id=sources)}
    return known


def names_by_port(client: NeutronClient, ports: list[dict[str, Any]]) -> dict[str, list[str]]:
    """port id -> the names of its groups."""
    groups = distinct(group for port in ports for group in port["security_groups"])
    names = topology.security_group_names(client, groups)
    return {
        port["id"]: [names[group] for group in port["security_groups"] if group in names]
        for port in ports
    }


def _change(client: NeutronClient, port: dict[str, Any], change: Callable[[list], list]) -> None:
    """Apply ``change`` to the port's groups; retry after a concurrent change of the port. Raises
    PortInUse after too many of them."""
    for _ in range(_ATTEMPTS):
        changed = change(port["security_groups"])
        if changed == port["security_groups"]:
            return
        try:
            client.update(
                "ports", port["id"], {"security_groups": changed}, port.get("revision_number")
            )
            return
        except exception.NeutronRequestRefused as exc:
            if exc.status != _PRECONDITION_FAILED:
                raise
        found = client.list("ports", id=port["id"])
        if not found:
            return
        port = found[0]
    raise exception.PortInUse(port_id=port["id"])
