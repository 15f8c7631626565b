"""Neutron's ports of servers, beside the records of these servers."""

from __future__ import annotations

import functools

from nova_mini import db
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.doctor.finding import Finding
from nova_mini.network import neutron
from nova_mini.network.model import NetworkInfo


def look() -> list[Finding]:
    """Ports of servers that are gone or that nobody knows, and ports that are missing."""
    api = neutron.API()
    there = {port["id"]: port["device_id"] for port in api.list_server_ports(get_admin_context())}
    ends = db.instances.get_ends(set(there.values()))
    found = [
        _unknown(port_id, uuid) if uuid not in ends else _orphan(api, port_id, uuid, ends[uuid])
        for port_id, uuid in there.items()
        if ends.get(uuid, True)
    ]
    missing = [
        Finding("missing-port", f"server {row['uuid']}", f"Neutron has no port {vif.id} of it")
        for row in db.instances.iterate_idle()
        for vif in NetworkInfo.from_json(row["network_info"])
        if vif.id not in there
    ]
    return found + missing


def _unknown(port_id: str, uuid: str) -> Finding:
    """Another cloud's, perhaps, that shares this Neutron."""
    problem = f"no record knows it, and Neutron has its port {port_id}"
    return Finding("port-of-nobody", f"server {uuid}", problem)


def _orphan(api: neutron.API, port_id: str, uuid: str, deleted_at) -> Finding:
    return Finding(
        "orphaned-port",
        f"server {uuid}",
        f"it is deleted, and Neutron has its port {port_id}",
        deleted_at,
        "is released",
        functools.partial(_release, api, uuid),
    )


def _release(api: neutron.API, uuid: str) -> None:
    api.deallocate_device(get_admin_context(), uuid)
    details = "Neutron still had a port of it."
    db.recoveries.record_for_server(uuid, db.recoveries.LEFTOVER, CONF.host, details)
