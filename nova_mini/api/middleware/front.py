"""What stands before everything else: CORS and the headers of a proxy, where they are configured.

Neither changes anything as long as it is not; then neither is there, as oslo.middleware looks at
its own signature with every request (a tenth of what showing a server costs).
"""

from __future__ import annotations

from collections.abc import Callable

from oslo_middleware import cors, http_proxy_to_wsgi

from nova_mini.api.openstack.api_version import LEGACY_HEADER, STANDARD_HEADER
from nova_mini.conf import CONF

_OURS = [STANDARD_HEADER, LEGACY_HEADER, "X-OpenStack-Request-ID", "X-Compute-Request-ID"]

CONF.register_opts(http_proxy_to_wsgi.OPTS, "oslo_middleware")


def cors_factory(global_config: dict, **local_config) -> Callable:
    """For Paste: by ``[cors]`` of our own configuration, with the headers that this API speaks."""
    cors.set_defaults(
        allow_headers=["X-Auth-Token", "X-Identity-Status", *_OURS],
        expose_headers=["X-Auth-Token", "X-Subject-Token", "X-Service-Token", *_OURS],
        allow_methods=["GET", "PUT", "POST", "DELETE", "PATCH"],
    )
    CONF.register_opts(cors.OPTS, "cors")
    return _if(bool(CONF.cors.allowed_origin), cors.CORS)


def proxy_factory(global_config: dict, **local_config) -> Callable:
    """For Paste: by ``[oslo_middleware] enable_proxy_headers_parsing``."""
    wanted = CONF.oslo_middleware.enable_proxy_headers_parsing
    return _if(wanted, http_proxy_to_wsgi.HTTPProxyToWSGI)


def _if(wanted: bool, middleware: Callable) -> Callable:
    return lambda application: middleware(application, CONF) if wanted else application
