"""``/servers/{id}/remote-consoles`` (2.6), and the actions that it has replaced (to 2.5)."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import remote_consoles as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.policies import remote_consoles as console_policy

_UNAVAILABLE = ("rdp", "mks")  # consoles of hypervisors that this release does not drive


class RemoteConsolesController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    @wsgi.api_version("2.6")
    @validation.schema(schema.create_v26, "2.6", "2.7")
    @validation.schema(schema.create_v28, "2.8", "2.98")
    @validation.schema(schema.create_v299, "2.99")
    def create(self, req: Request, server_id: str, body: dict) -> dict:
        requested = body["remote_console"]
        url = self._url(req, server_id, requested["protocol"], requested["type"])
        return {"remote_console": {**requested, "url": url}}

    def _url(self, req: Request, server_id: str, protocol: str, console_type: str) -> str:
        instance = get_instance(req, server_id, console_policy.CREATE)
        if protocol in _UNAVAILABLE:
            raise exception.ConsoleTypeUnavailable(console_type=console_type)
        return self.compute_api.get_console_url(req.context, instance, protocol, console_type)

    def _console(self, req: Request, server_id: str, protocol: str, arguments: dict) -> dict:
        url = self._url(req, server_id, protocol, arguments["type"])
        return {"console": {"type": arguments["type"], "url": url}}

    @wsgi.api_version("2.1", "2.5")
    @wsgi.action("os-getVNCConsole")
    @validation.schema(schema.get_vnc_console)
    def get_vnc_console(self, req: Request, id: str, body: dict) -> dict:
        return self._console(req, id, "vnc", body["os-getVNCConsole"])

    @wsgi.api_version("2.1", "2.5")
    @wsgi.action("os-getSPICEConsole")
    @validation.schema(schema.get_spice_console)
    def get_spice_console(self, req: Request, id: str, body: dict) -> dict:
        return self._console(req, id, "spice", body["os-getSPICEConsole"])

    @wsgi.api_version("2.1", "2.5")
    @wsgi.action("os-getSerialConsole")
    @validation.schema(schema.get_serial_console)
    def get_serial_console(self, req: Request, id: str, body: dict) -> dict:
        return self._console(req, id, "serial", body["os-getSerialConsole"])
