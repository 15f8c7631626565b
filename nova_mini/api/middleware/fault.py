"""The last net: whatever a filter or the application does wrong becomes a documented fault."""

from __future__ import annotations

import webob

from nova_mini.api.openstack import faults

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
        """What is well goes through as it is: nothing is made of it."""
        answered = []

        def keep(status, headers, exc_info=None):
            answered[:] = status, headers

        try:
            body = self._application(environ, keep)
        except Exception as exc:
            return faults.from_exception(exc)(environ, start_response)
        status, headers = answered
        if int(status[:3]) < 400:
            start_response(status, headers)
            return body
        response = webob.Response(status=status, headerlist=headers, app_iter=body)
        return self._explained(response)(environ, start_response)

    @staticmethod
    def _explained(response: webob.Response) -> webob.Response:
        """The fault for an error that a filter answered."""
        if response.content_type == "application/json":
            return response
        code = response.status_int
        fault = faults.make(code, _WHY.get(code, response.status.partition(" ")[2]))
        for name, value in response.headerlist:
            if name not in ("Content-Type", "Content-Length"):
                fault.headers.add(name, value)
        return fault
