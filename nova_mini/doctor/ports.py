"""Compare Neutron's ports of servers with the records of the servers."""

from __future__ import annotations

import datetime
import functools

from nova_mini import db
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.doctor.finding import Finding
from nova_mini.network import neutron
from nova_mini.objects.network_model import NetworkInfo


def audit() -> list[Finding]:
    """Ports of deleted or unknown servers, and missing ports."""
    api = neutron.API()
    ports = {port["id"]: port["device_id"] for port in api.list_server_ports(get_admin_context())}
    deleted_at = db.instance_deletion.get_deletion_times(set(ports.values()))
    found = [
        _orphan(api, port_id, uuid, deleted_at[uuid])
        if uuid in deleted_at
        else _unknown(port_id, uuid)
        for port_id, uuid in ports.items()
        if deleted_at.get(uuid, True)
    ]
    missing = [
        Finding("missing-port", f"server {row['uuid']}", f"Neutron has no port {vif.id} of it")
        for row in db.instances.iterate_idle()
        for vif in NetworkInfo.from_json(row["network_info"])
        if vif.id not in ports
    ]
    return found + missing


def _unknown(port_id: str, uuid: str) -> Finding:
    """Not fixed, because the port may be of another cloud that uses the same Neutron."""
    problem = f"it has no record, and Neutron has its port {port_id}"
    return Finding("unknown-port", f"server {uuid}", problem)


def _orphan(api: neutron.API, port_id: str, uuid: str, deleted_at: datetime.datetime) -> Finding:
    return Finding(
        "orphaned-port",
        f"server {uuid}",
        f"it is deleted, and Neutron has its port {port_id}",
        deleted_at,
        "is deleted",
        functools.partial(_release, api, uuid),
    )


def _release(api: neutron.API, uuid: str) -> None:
    api.deallocate_device(get_admin_context(), uuid)
    details = "An orphaned port was deleted from Neutron."
    db.recoveries.record_for_server(uuid, db.recoveries.ORPHAN_REMOVED, CONF.host, details)
