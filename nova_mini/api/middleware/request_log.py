"""Logs one line for each request. Bodies and headers are never logged, so that the log holds no
secrets. The only secret in a URL is the token of a console, which is replaced."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nova_mini.context import RequestContext

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOG = logging.getLogger(__name__)

_CONSOLE_TOKEN = re.compile(r"(/os-console-auth-tokens/).*", re.DOTALL)


class RequestLog:
    def __init__(self, application: WSGIApplication):
        self._application = application

    @classmethod
    def factory(cls, global_config: dict, **local_config: str) -> type[RequestLog]:
        return cls

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started_at = time.perf_counter()
        # Sets the request id of the log lines of this thread, instead of the previous request's.
        RequestContext(request_id=environ.get("openstack.request_id"))

        def log_and_start(status, headers, exc_info=None):
            response_headers = dict(headers)
            LOG.info(
                '%s "%s %s" status: %s len: %s microversion: %s time: %.6f',
                environ.get("REMOTE_ADDR", "-"),
                environ["REQUEST_METHOD"],
                _url(environ),
                status[:3],
                response_headers.get("Content-Length", "-"),
                response_headers.get("X-OpenStack-Nova-API-Version", "-"),
                time.perf_counter() - started_at,
            )
            return start_response(status, headers, exc_info)

        return self._application(environ, log_and_start)


def _url(environ: WSGIEnvironment) -> str:
    path = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]
    path = _CONSOLE_TOKEN.sub(r"\1***", path)
    query = environ.get("QUERY_STRING")
    return ascii(f"{path}?{query}" if query else path)[1:-1]  # escaped: always one line
