"""Which server sent a metadata request: what Neutron's proxy says, or the address of the client."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

import webob
import webob.exc
from oslo_log import log as logging
from oslo_utils import uuidutils

from nova_mini.conf import CONF

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class VerifiedServer:
    """The server that a signed request of Neutron's proxy names."""

    instance_uuid: str
    project_id: str


def get_verified_server(req: webob.Request) -> VerifiedServer:
    """Raises HTTPBadRequest if a header is missing or invalid, HTTPForbidden if the signature is
    wrong."""
    instance_uuid = _header(req, "X-Instance-ID")
    project_id = _header(req, "X-Tenant-ID")
    signature = req.headers.get("X-Instance-ID-Signature", "")
    if not _is_signed(instance_uuid, signature):
        LOG.warning("Metadata request from %s refused: its signature is wrong", req.remote_addr)
        raise webob.exc.HTTPForbidden("Invalid proxy request signature.")
    if not uuidutils.is_uuid_like(instance_uuid):
        raise webob.exc.HTTPBadRequest("X-Instance-ID header is not a UUID.")
    return VerifiedServer(instance_uuid, project_id)


def _header(req: webob.Request, name: str) -> str:
    value = req.headers.get(name)
    if not value:
        raise webob.exc.HTTPBadRequest(f"{name} header is missing from request.")
    if "," in value:
        raise webob.exc.HTTPBadRequest(f"Multiple {name} headers found within request.")
    return value


def _is_signed(instance_uuid: str, signature: str) -> bool:
    """False also if there is no secret: then no request can be verified."""
    secret = CONF.neutron.metadata_proxy_shared_secret
    if not secret:
        LOG.error("Metadata request refused: [neutron] metadata_proxy_shared_secret is not set")
        return False
    expected = hmac.new(secret.encode(), instance_uuid.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def remote_address(req: webob.Request) -> str:
    """The address of the client. An IPv4-mapped IPv6 address becomes an IPv4 address.

    Raises HTTPBadRequest if it is not an IP address.
    """
    address = req.remote_addr
    if CONF.api.use_forwarded_for:
        address = req.headers.get("X-Forwarded-For", address)
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as exc:
        raise webob.exc.HTTPBadRequest("The address of the client is not an IP address.") from exc
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
