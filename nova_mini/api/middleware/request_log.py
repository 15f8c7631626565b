"""A line in the log for each request. It is the application's to keep secrets out of URLs; bodies
and headers are never logged."""

from __future__ import annotations

import logging
import time

from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)


class RequestLog:
    def __init__(self, application):
        self._application = application

    @classmethod
    def factory(cls, global_config: dict, **local_config):
        return cls

    def __call__(self, environ, start_response):
        began = time.perf_counter()
        # Log lines are this request's from here on, not those of the thread's last one.
        RequestContext(request_id=environ.get("openstack.request_id"))

        def log_and_start(status, headers, exc_info=None):
            told = dict(headers)
            LOG.info(
                '%s "%s %s" status: %s len: %s microversion: %s time: %.6f',
                environ.get("REMOTE_ADDR", "-"),
                environ["REQUEST_METHOD"],
                _url(environ),
                status[:3],
                told.get("Content-Length", "-"),
                told.get("X-OpenStack-Nova-API-Version", "-"),
                time.perf_counter() - began,
            )
            return start_response(status, headers, exc_info)

        return self._application(environ, log_and_start)


def _url(environ) -> str:
    path = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]
    query = environ.get("QUERY_STRING")
    return ascii(f"{path}?{query}" if query else path)[1:-1]  # on one line, whatever it holds
