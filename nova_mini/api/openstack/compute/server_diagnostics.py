"""``/servers/{id}/diagnostics``: the counters that the hypervisor keeps of a guest."""

from __future__ import annotations

from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.policies import server_diagnostics as diagnostics_policy


class ServerDiagnosticsController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    @wsgi.api_version("2.1", "2.47")
    def index(self, req: Request, server_id: str) -> dict:
        instance = get_instance(req, server_id, diagnostics_policy.SHOW)
        return self.compute_api.get_diagnostics(req.context, instance)

    @index.api_version("2.48")
    def index_v248(self, req: Request, server_id: str) -> dict:
        instance = get_instance(req, server_id, diagnostics_policy.SHOW)
        return self.compute_api.get_instance_diagnostics(req.context, instance)
