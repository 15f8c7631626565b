"""The outermost filters: CORS, and the headers of a proxy in front of the API.

A filter that is not configured is left out of the pipeline, because oslo.middleware costs time with
every request (a tenth of the time of ``GET /servers/{id}``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from oslo_middleware import cors, http_proxy_to_wsgi

from nova_mini.api.openstack.api_version import LEGACY_HEADER, STANDARD_HEADER
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_HEADERS = [STANDARD_HEADER, LEGACY_HEADER, "X-OpenStack-Request-ID", "X-Compute-Request-ID"]

CONF.register_opts(http_proxy_to_wsgi.OPTS, "oslo_middleware")


def cors_factory(global_config: dict, **local_config: str) -> Callable:
    """Called by Paste. Options: ``[cors]`` of the service's configuration, with defaults for this
    API's headers."""
    cors.set_defaults(
        allow_headers=["X-Auth-Token", "X-Identity-Status", *_HEADERS],
        expose_headers=["X-Auth-Token", "X-Subject-Token", "X-Service-Token", *_HEADERS],
        allow_methods=["GET", "PUT", "POST", "DELETE", "PATCH"],
    )
    CONF.register_opts(cors.OPTS, "cors")
    return _if(bool(CONF.cors.allowed_origin), cors.CORS)


def proxy_factory(global_config: dict, **local_config: str) -> Callable:
    """Called by Paste. Option: ``[oslo_middleware] enable_proxy_headers_parsing``."""
    enabled = CONF.oslo_middleware.enable_proxy_headers_parsing
    return _if(enabled, http_proxy_to_wsgi.HTTPProxyToWSGI)


def _if(enabled: bool, middleware: Callable) -> Callable[[WSGIApplication], WSGIApplication]:
    return lambda application: middleware(application, CONF) if enabled else application
