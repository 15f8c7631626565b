"""Turns every error of the application and of the other filters into a documented fault."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import webob

from nova_mini.api.openstack import faults

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_MESSAGES = {
    401: "Authentication required: send a valid token in the X-Auth-Token header.",
    413: "Request is too large.",
}


class FaultWrapper:
    """Handles exceptions, and errors that a filter returns as text (401, 413, 503)."""

    def __init__(self, application: WSGIApplication):
        self._application = application

    @classmethod
    def factory(cls, global_config: dict, **local_config: str) -> type[FaultWrapper]:
        return cls

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """A successful response passes unchanged, without a webob.Response being made from it."""
        started: list[Any] = []

        def keep(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            started[:] = status, headers

        try:
            body = self._application(environ, cast("StartResponse", keep))
        except Exception as exc:
            return faults.from_exception(exc)(environ, start_response)
        status, headers = started
        if int(status[:3]) < 400:
            start_response(status, headers)
            return body
        response = webob.Response(status=status, headerlist=headers, app_iter=body)
        return self._to_fault(response)(environ, start_response)

    @staticmethod
    def _to_fault(response: webob.Response) -> webob.Response:
        if response.content_type == "application/json":
            return response
        code = response.status_int
        fault = faults.make(code, _MESSAGES.get(code, response.status.partition(" ")[2]))
        for name, value in response.headerlist:
            if name not in ("Content-Type", "Content-Length"):
                fault.headers.add(name, value)
        return fault
