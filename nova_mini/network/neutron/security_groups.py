"""Security groups of the ports of a server that exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nova_mini import exception
from nova_mini.network.neutron.client import NeutronClient

_ATTEMPTS = 3
_PRECONDITION_FAILED = 412


def add(client: NeutronClient, ports: list[dict[str, Any]], group_id: str) -> None:
    """To every port; one that has it already stays as it is. Raises SecurityGroupCannotBeApplied
    when a port's traffic is not filtered at all."""
    for port in ports:
        if not port.get("port_security_enabled", True) or not port["fixed_ips"]:
            raise exception.SecurityGroupCannotBeApplied(network_id=port["network_id"])
    for port in ports:
        _change(client, port, lambda groups: list(dict.fromkeys([*groups, group_id])))


def remove(client: NeutronClient, ports: list[dict[str, Any]], group_id: str) -> None:
    """From every port. Raises SecurityGroupNotFound when none has it."""
    having = [port for port in ports if group_id in port["security_groups"]]
    if not having:
        raise exception.SecurityGroupNotFound(security_group_id=group_id)
    for port in having:
        _change(client, port, lambda groups: [group for group in groups if group != group_id])


def _change(client: NeutronClient, port: dict[str, Any], change: Callable[[list], list]) -> None:
    """Unless somebody else changed the port meanwhile: then look again."""
    for _ in range(_ATTEMPTS):
        wanted = change(port["security_groups"])
        if wanted == port["security_groups"]:
            return
        try:
            client.update(
                "ports", port["id"], {"security_groups": wanted}, port.get("revision_number")
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
