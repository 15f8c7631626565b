"""A rule of a security group, from Nova's format to Neutron's."""

from __future__ import annotations

import ipaddress

from nova_mini import exception

_ICMP = ("icmp", "icmpv6")
_WITH_PORTS = ("tcp", "udp")


def neutron_rule(requested: dict) -> dict:
    """The rule of Neutron, without its group.

    Traffic from another group may have any protocol; for traffic from addresses, protocol and ports
    are necessary. For ICMP the ports are type and code, and -1 means any. Raises InvalidInput.
    """
    group_id, protocol = requested.get("group_id"), requested.get("ip_protocol")
    first, last = _number(requested, "from_port"), _number(requested, "to_port")
    if not (group_id or (protocol and first is not None and last is not None)):
        raise exception.InvalidInput(
            reason="Not enough parameters to build a valid rule: ip_protocol, from_port and "
            "to_port are necessary"
        )
    rule = {"direction": "ingress", "ethertype": "IPv4"}
    if protocol and first is not None and last is not None:
        rule |= _protocol_and_ports(str(protocol).lower(), first, last)
    if group_id:
        return {**rule, "remote_group_id": group_id}
    cidr = requested.get("cidr") or "0.0.0.0/0"
    return {**rule, "ethertype": f"IPv{_network(cidr).version}", "remote_ip_prefix": cidr}


def _protocol_and_ports(protocol: str, first: int, last: int) -> dict:
    if protocol not in (*_ICMP, *_WITH_PORTS):
        raise exception.InvalidInput(
            reason="Invalid IP protocol: use tcp, udp, icmp or icmpv6 in ip_protocol"
        )
    if (first, last) == (-1, -1):  # all
        return {"protocol": protocol}
    lowest, highest = (-1, 255) if protocol in _ICMP else (0, 65535)
    is_valid = lowest <= min(first, last) and max(first, last) <= highest
    if not is_valid or (protocol in _WITH_PORTS and first > last):
        raise exception.InvalidInput(reason=f"Invalid port range {first}:{last}")
    limits = {"port_range_min": first, "port_range_max": last}
    return {"protocol": protocol, **{name: n for name, n in limits.items() if n != -1}}


def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError as exc:
        raise exception.InvalidInput(reason=f"Invalid cidr {cidr[:64]}") from exc


def _number(requested: dict, name: str) -> int | None:
    value = requested.get(name)
    try:
        return None if value is None else int(value)
    except ValueError as exc:
        raise exception.InvalidInput(reason=f"{name} must be an integer") from exc
