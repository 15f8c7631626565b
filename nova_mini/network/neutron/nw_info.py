"""Make the ``NetworkInfo`` of a server from Neutron's ports."""

from __future__ import annotations

from typing import Any

from oslo_utils import netutils

from nova_mini.conf import CONF
from nova_mini.network.neutron import constants, topology
from nova_mini.network.neutron.client import NeutronClient, distinct
from nova_mini.network.neutron.topology import NetworkRecord, Topology
from nova_mini.objects import network_model as model

_BRIDGE_PREFIX = "brq"  # the Linux bridge agent's


def build(
    client: NeutronClient,
    networks: Topology,
    ports: list[dict[str, Any]],
    known: model.NetworkInfo,
    *,
    new_ports: frozenset[str] = frozenset(),
    fresh: bool = True,
) -> model.NetworkInfo:
    """The VIFs of ``ports``, with the order and the tags of ``known``, the server's stored network.

    ``client`` must have the service's credentials: users do not see the binding of a port.
    ``new_ports``: ids of ports that cannot have floating IPs yet. ``fresh``: False allows records
    of networks that are some seconds old.
    """
    positions = {vif.id: position for position, vif in enumerate(known)}
    ports = sorted(ports, key=lambda port: positions.get(port["id"], len(positions)))
    records = networks.get(client, distinct(port["network_id"] for port in ports), fresh=fresh)
    if not fresh and not _all_subnets_known(ports, records):
        records = networks.get(client, list(records), fresh=True)
    floating = topology.floating_ips_of(
        client, [port["id"] for port in ports if port["id"] not in new_ports]
    )
    group_ids = distinct(group for port in ports for group in port.get("security_groups", ()))
    group_names = topology.security_group_names(client, group_ids)
    vifs = model.NetworkInfo()
    for port in ports:
        vif = _vif(port, records[port["network_id"]], floating[port["id"]])
        vif.security_groups = [
            group_names[group] for group in port.get("security_groups", ()) if group in group_names
        ]
        before = known.get(port["id"])
        vif.tag = before.tag if before else None
        vifs.append(vif)
    return vifs


def _all_subnets_known(ports: list[dict], records: dict[str, NetworkRecord]) -> bool:
    return all(
        ip["subnet_id"] in records[port["network_id"]].subnets
        for port in ports
        for ip in port["fixed_ips"]
    )


def _vif(port: dict[str, Any], record: NetworkRecord, floating: dict[str, list[str]]) -> model.VIF:
    vif_type = port.get(constants.BINDING_VIF_TYPE) or model.VIF_TYPE_UNBOUND
    details = port.get(constants.BINDING_VIF_DETAILS) or {}
    profile = dict(port.get(constants.BINDING_PROFILE) or {})
    created_by_us = profile.pop(constants.CREATED_BY_US, None) is not None
    profile.pop(constants.MIGRATING_TO, None)
    return model.VIF(
        id=port["id"],
        address=port["mac_address"],
        network=_network(record, port, floating, _bridge(vif_type, details, port["network_id"])),
        type=vif_type,
        details=details,
        vnic_type=port.get(constants.BINDING_VNIC_TYPE) or "normal",
        profile=profile,
        active=port["status"] == "ACTIVE" or not port.get("admin_state_up", True),
        preserve_on_delete=not created_by_us,
    )


def _bridge(vif_type: str, details: dict[str, Any], network_id: str) -> str | None:
    if vif_type == model.VIF_TYPE_OVS:
        return details.get("bridge_name") or CONF.neutron.ovs_bridge
    if vif_type == model.VIF_TYPE_BRIDGE:
        return details.get("bridge_name") or (_BRIDGE_PREFIX + network_id)[: model.NIC_NAME_LEN]
    return None


def _network(
    record: NetworkRecord, port: dict[str, Any], floating: dict[str, list[str]], bridge: str | None
) -> model.Network:
    network = record.network
    return model.Network(
        id=network["id"],
        label=network["name"],
        bridge=bridge,
        mtu=network.get("mtu"),
        tenant_id=network.get("project_id"),
        physical_network=network.get("provider:physical_network"),
        subnets=_subnets(record, port["fixed_ips"], floating),
    )


def _subnets(
    record: NetworkRecord, fixed_ips: list[dict[str, str]], floating: dict[str, list[str]]
) -> list[model.Subnet]:
    """The subnets in which the port has an address."""
    found: dict[str, model.Subnet] = {}
    for ip in fixed_ips:
        subnet_id, address = ip["subnet_id"], ip["ip_address"]
        subnet = record.subnets.get(subnet_id)
        if subnet is None:  # deleted meanwhile
            continue
        if subnet_id not in found:
            found[subnet_id] = _subnet(subnet, record.dhcp_servers.get(subnet_id))
        version = 6 if netutils.is_valid_ipv6(address) else 4
        found[subnet_id].ips.append(
            model.FixedIP(address, version, floating_ips=floating.get(address, []))
        )
    return list(found.values())


def _subnet(subnet: dict[str, Any], dhcp_server: str | None) -> model.Subnet:
    meta = {"enable_dhcp": subnet["enable_dhcp"]}
    if subnet.get("ipv6_address_mode"):
        meta["ipv6_address_mode"] = subnet["ipv6_address_mode"]
    return model.Subnet(
        id=subnet["id"],
        cidr=subnet["cidr"],
        version=subnet["ip_version"],
        gateway=subnet["gateway_ip"],
        dns=list(subnet["dns_nameservers"]),
        routes=[
            model.Route(route["destination"], route["nexthop"]) for route in subnet["host_routes"]
        ],
        dhcp_server=dhcp_server,
        meta=meta,
    )
