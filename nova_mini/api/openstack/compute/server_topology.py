"""``/servers/{id}/topology``: the NUMA nodes of a guest (2.78)."""

from __future__ import annotations

from typing import Any

from nova_mini import policy
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.server_access import get_instance, target_of
from nova_mini.api.openstack.request import Request
from nova_mini.numa.guest import GuestCell
from nova_mini.policies import server_topology as topology_policy


class ServerTopologyController(wsgi.Controller):
    @wsgi.api_version("2.78")
    def index(self, req: Request, server_id: str) -> dict:
        """What is the host's, only by a policy of its own."""
        instance = get_instance(req, server_id, topology_policy.INDEX)
        guest = instance.numa
        if guest is None:
            return {"nodes": [], "pagesize_kb": None}
        shows_host = policy.authorize(
            req.context, topology_policy.INDEX_HOST, target_of(instance), fatal=False
        )
        sizes = [cell.page_kb for cell in guest.cells]
        return {
            "nodes": [_node(cell, shows_host) for cell in guest.cells],
            "pagesize_kb": sizes[0] if sizes else None,
        }


def _node(cell: GuestCell, shows_host: bool) -> dict[str, Any]:
    node: dict[str, Any] = {
        "memory_mb": cell.memory_mb,
        "vcpu_set": sorted(cell.cpus),
        "siblings": [],
    }
    if shows_host:
        node["host_node"] = cell.host_cell
        node["cpu_pinning"] = {str(vcpu): cpu for vcpu, cpu in cell.pins}
    return node
