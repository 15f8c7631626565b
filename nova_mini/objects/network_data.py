"""Make network_data.json, from which a guest reads its network."""

from __future__ import annotations

import ipaddress
from typing import Any

from nova_mini.objects.network_model import VIF, FixedIP, NetworkInfo, Subnet

_LINK_TYPES = frozenset({"ovs", "bridge", "tap", "vhostuser", "hostdev_physical"})
_OTHER_LINK = "phy"


def build(network_info: NetworkInfo) -> dict[str, list[dict[str, Any]]]:
    """Links (devices), networks (addresses on them) and services (name servers)."""
    networks = [net for vif in network_info for net in _networks(vif)]
    for number, net in enumerate(networks):
        net["id"] = f"network{number}"
    servers = dict.fromkeys(
        address for vif in network_info for subnet in vif.network.subnets for address in subnet.dns
    )
    return {
        "links": [_link(vif) for vif in network_info],
        "networks": networks,
        "services": [_name_server(address) for address in servers],
    }


def _link(vif: VIF) -> dict[str, Any]:
    return {
        "id": vif.devname,
        "vif_id": vif.id,
        "type": vif.type if vif.type in _LINK_TYPES else _OTHER_LINK,
        "mtu": None if any(map(_is_leased, vif.network.subnets)) else vif.network.mtu,
        "ethernet_mac_address": vif.address,
    }


def _networks(vif: VIF) -> list[dict[str, Any]]:
    found = []
    for subnet in vif.network.subnets:
        described = (
            [_leased(subnet)] if _is_leased(subnet) else [_static(subnet, ip) for ip in subnet.ips]
        )
        found += [{**net, "link": vif.devname, "network_id": vif.network.id} for net in described]
    return found


def _is_leased(subnet: Subnet) -> bool:
    """Whether the guest gets its address by DHCP, so that the file does not contain it."""
    if subnet.version == 6 and subnet.meta.get("ipv6_address_mode"):
        return False
    return bool(subnet.meta.get("enable_dhcp"))


def _leased(subnet: Subnet) -> dict[str, Any]:
    return {"type": f"ipv{subnet.version}_dhcp"}


def _static(subnet: Subnet, ip: FixedIP) -> dict[str, Any]:
    """A static address. Also for the modes of IPv6, with the address that the guest will get."""
    mode = subnet.meta.get("ipv6_address_mode")
    return {
        "type": f"ipv{subnet.version}" + (f"_{mode}" if mode else ""),
        "ip_address": ip.address,
        "netmask": str(ipaddress.ip_network(subnet.cidr).netmask),
        "routes": _routes(subnet),
        "services": [_name_server(address) for address in subnet.dns],
    }


def _routes(subnet: Subnet) -> list[dict[str, str]]:
    all_addresses = "0.0.0.0/0" if subnet.version == 4 else "::/0"
    default = [(all_addresses, subnet.gateway)] if subnet.gateway else []
    routes = []
    for cidr, gateway in default + [(route.cidr, route.gateway) for route in subnet.routes]:
        target = ipaddress.ip_network(cidr)
        routes.append(
            {
                "network": str(target.network_address),
                "netmask": str(target.netmask),
                "gateway": gateway,
            }
        )
    return routes


def _name_server(address: str) -> dict[str, str]:
    return {"type": "dns", "address": address}
