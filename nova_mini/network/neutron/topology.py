"""Networks with their subnets and DHCP servers, read with three requests for any number."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from nova_mini import exception
from nova_mini.network.neutron import constants
from nova_mini.network.neutron.client import NeutronClient

_FRESH_SECONDS = 10


@dataclass
class NetworkRecord:
    """``subnets``: subnet id -> record. ``dhcp_servers``: subnet id -> address of a DHCP server."""

    network: dict[str, Any]
    subnets: dict[str, dict[str, Any]] = field(default_factory=dict)
    dhcp_servers: dict[str, str] = field(default_factory=dict)
    fetched_at: float = field(default_factory=time.monotonic)


class Topology:
    """A cache for some seconds: a hundred servers that boot on a network need one query of it."""

    def __init__(self) -> None:
        self._records: dict[str, NetworkRecord] = {}
        self._lock = threading.Lock()

    def get(
        self, client: NeutronClient, network_ids: list[str], *, fresh: bool = False
    ) -> dict[str, NetworkRecord]:
        """network id -> record. ``fresh``: do not use the cache. Raises NetworkNotFound."""
        oldest = time.monotonic() - _FRESH_SECONDS
        with self._lock:
            self._records = {
                key: record for key, record in self._records.items() if record.fetched_at > oldest
            }
            known = {} if fresh else {k: v for k, v in self._records.items() if k in network_ids}
        missing = [network_id for network_id in network_ids if network_id not in known]
        if missing:
            fetched = _fetch(client, missing)
            with self._lock:
                self._records.update(fetched)
            known.update(fetched)
        return known


def _fetch(client: NeutronClient, network_ids: list[str]) -> dict[str, NetworkRecord]:
    records = {net["id"]: NetworkRecord(net) for net in client.list("networks", id=network_ids)}
    for network_id in network_ids:
        if network_id not in records:
            raise exception.NetworkNotFound(network_id=network_id)
    with_dhcp = set()
    for subnet in client.list("subnets", network_id=network_ids):
        records[subnet["network_id"]].subnets[subnet["id"]] = subnet
        if subnet["enable_dhcp"]:
            with_dhcp.add(subnet["network_id"])
    dhcp_ports = client.list(
        "ports",
        network_id=sorted(with_dhcp),
        device_owner=constants.DEVICE_OWNER_DHCP,
        fields=["network_id", "fixed_ips"],
    )
    for port in dhcp_ports:
        for ip in port["fixed_ips"]:
            servers = records[port["network_id"]].dhcp_servers
            servers.setdefault(ip["subnet_id"], ip["ip_address"])
    return records


def floating_ips_of(client: NeutronClient, port_ids: list[str]) -> dict[str, dict[str, list[str]]]:
    """port id -> fixed address -> its floating addresses. Empty if Neutron has no routers."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    try:
        listed = client.list("floatingips", port_id=port_ids)
    except exception.NeutronRequestRefused as exc:
        if exc.status != 404:
            raise
        return found
    for floating in listed:
        addresses = found[floating["port_id"]][floating["fixed_ip_address"]]
        addresses.append(floating["floating_ip_address"])
    return found


def security_group_names(client: NeutronClient, group_ids: list[str]) -> dict[str, str]:
    groups = client.list("security-groups", id=group_ids, fields=["id", "name"])
    return {group["id"]: group["name"] for group in groups}
