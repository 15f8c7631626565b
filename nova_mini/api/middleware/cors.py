"""CORS by ``[cors]`` of our own configuration, with the headers that this API speaks."""

from __future__ import annotations

from oslo_middleware import cors

from nova_mini.api.openstack.api_version import LEGACY_HEADER, STANDARD_HEADER
from nova_mini.conf import CONF

_OURS = [STANDARD_HEADER, LEGACY_HEADER, "X-OpenStack-Request-ID", "X-Compute-Request-ID"]


def filter_factory(global_config: dict, **local_config):
    """For Paste. oslo.middleware's own factory would read the configuration a second time."""
    cors.set_defaults(
        allow_headers=["X-Auth-Token", "X-Identity-Status", *_OURS],
        expose_headers=["X-Auth-Token", "X-Subject-Token", "X-Service-Token", *_OURS],
        allow_methods=["GET", "PUT", "POST", "DELETE", "PATCH"],
    )
    return lambda application: cors.CORS(application, CONF)
