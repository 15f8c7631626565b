"""Which server asks: by the word of Neutron's metadata proxy, or by the address it asks from."""

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
class Claim:
    """The proxy's verified word."""

    instance_uuid: str
    project_id: str


def verified_claim(req: webob.Request) -> Claim:
    """Raises HTTPBadRequest (a header is missing or odd) and HTTPForbidden (not the proxy)."""
    instance_uuid = _header(req, "X-Instance-ID")
    project_id = _header(req, "X-Tenant-ID")
    signature = req.headers.get("X-Instance-ID-Signature", "")
    if not _is_signed(instance_uuid, signature):
        LOG.warning("Wrong signature of a metadata request from %s.", req.remote_addr)
        raise webob.exc.HTTPForbidden(
            "Invalid proxy request signature: metadata_proxy_shared_secret must be the same here "
            "and there."
        )
    if not uuidutils.is_uuid_like(instance_uuid):
        raise webob.exc.HTTPBadRequest("X-Instance-ID is not the ID of an instance.")
    return Claim(instance_uuid, project_id)


def _header(req: webob.Request, name: str) -> str:
    value = req.headers.get(name)
    if not value:
        raise webob.exc.HTTPBadRequest(f"{name} header is missing from request.")
    if "," in value:
        raise webob.exc.HTTPBadRequest(f"Multiple {name} headers found within request.")
    return value


def _is_signed(instance_uuid: str, signature: str) -> bool:
    """Without a secret nobody can prove to be the proxy."""
    secret = CONF.neutron.metadata_proxy_shared_secret
    if not secret:
        LOG.error("[neutron] metadata_proxy_shared_secret is not set; requests are refused.")
        return False
    expected = hmac.new(secret.encode(), instance_uuid.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def remote_address(req: webob.Request) -> str:
    """The address of who asks; an IPv4 address that came over an IPv6 socket is IPv4."""
    address = req.remote_addr
    if CONF.api.use_forwarded_for:
        address = req.headers.get("X-Forwarded-For", address)
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as exc:
        raise webob.exc.HTTPBadRequest("The address of the request is no IP address.") from exc
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
