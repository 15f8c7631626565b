"""``/servers/{id}/topology``: the NUMA nodes of a guest (2.78)."""

from __future__ import annotations

from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.server_access import get_record
from nova_mini.api.openstack.request import Request
from nova_mini.policies import server_topology as topology_policy


class ServerTopologyController(wsgi.Controller):
    @wsgi.api_version("2.78")
    def index(self, req: Request, server_id: str) -> dict:
        """A flavor or an image that asks for NUMA nodes, pinned CPUs or huge pages is refused (see
        ``guest_options``). So no server has a topology, which is answered as Nova does."""
        get_record(req, server_id, topology_policy.INDEX)
        return {"nodes": [], "pagesize_kb": None}
