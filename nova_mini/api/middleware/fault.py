"""The last net: whatever a filter or the application does wrong becomes a documented fault."""

from __future__ import annotations

import webob

from nova_mini.api.openstack import faults
from nova_mini.api.openstack.request import Request

_WHY = {
    401: "Authenticate: send a valid token in the header X-Auth-Token.",
    413: "The request body is larger than this service accepts.",
}


class FaultWrapper:
    """Faults for exceptions, and for errors that a filter answers as text (401, 413, 503)."""

    def __init__(self, application):
        self._application = application

    @classmethod
    def factory(cls, global_config: dict, **local_config):
        return cls

    def __call__(self, environ, start_response):
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, req: Request) -> webob.Response:
        try:
            response = req.get_response(self._application)
        except Exception as exc:
            return faults.from_exception(exc)
        if response.status_int < 400 or response.content_type == "application/json":
            return response
        code = response.status_int
        fault = faults.make(code, _WHY.get(code, response.status.partition(" ")[2]))
        for name, value in response.headerlist:
            if name not in ("Content-Type", "Content-Length"):
                fault.headers.add(name, value)
        return fault
