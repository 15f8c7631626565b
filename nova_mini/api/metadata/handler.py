"""The metadata service: guests ask at 169.254.169.254, Neutron's proxy brings it here."""

from __future__ import annotations

import threading

import cachetools
import webob
import webob.dec
import webob.exc
from oslo_log import log as logging

from nova_mini import context, exception
from nova_mini.api.metadata import proxy
from nova_mini.conf import CONF
from nova_mini.network import neutron
from nova_mini.objects import ec2_metadata, guest_password
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_metadata import (
    FOLSOM,
    OPENSTACK,
    PASSWORD,
    VERSIONS,
    InstanceMetadata,
)

LOG = logging.getLogger(__name__)

_CACHED_SERVERS = 1024


class MetadataRequestHandler:
    """A WSGI application. Nothing of what it serves, nor of the headers' secrets, is logged."""

    def __init__(self, network_api: neutron.API | None = None):
        self._network_api = network_api or neutron.API()
        self._cache = cachetools.TTLCache(_CACHED_SERVERS, CONF.api.metadata_cache_expiration)
        self._lock = threading.Lock()

    @classmethod
    def factory(cls, global_config: dict, **local_config) -> MetadataRequestHandler:
        """For Paste."""
        return cls()

    @webob.dec.wsgify
    def __call__(self, req: webob.Request) -> webob.Response:
        try:
            return self._answer(req)
        except exception.NotFound as exc:
            return webob.exc.HTTPNotFound(exc.format_message())
        except exception.NeutronConnectionFailed as exc:
            return webob.exc.HTTPServiceUnavailable(exc.format_message())
        except webob.exc.HTTPException as exc:
            return exc
        except Exception:
            LOG.exception("A metadata request failed.")
            return webob.exc.HTTPInternalServerError(
                "An unknown error has occurred. Please try your request again."
            )

    def _answer(self, req: webob.Request) -> webob.Response:
        if not req.path_info.strip("/"):
            return _text("\n".join(ec2_metadata.VERSIONS))
        metadata = self._metadata_of(req)
        if _is_password(req.path_info) and req.method == "POST":
            self._keep_password(req, metadata.instance.uuid)
            return webob.Response()
        if req.method not in ("GET", "HEAD"):
            raise webob.exc.HTTPMethodNotAllowed(
                "Metadata can only be read.", headers={"Allow": "GET, HEAD"}
            )
        found = metadata.lookup(req.path_info)
        if isinstance(found, list):
            return _text("\n".join(found))
        content_type = "application/json" if req.path_info.endswith(".json") else "text/plain"
        return webob.Response(body=found, content_type=content_type)

    # -- whose -----------------------------------------------------------------------------------

    def _metadata_of(self, req: webob.Request) -> InstanceMetadata:
        if CONF.neutron.service_metadata_proxy:
            claim = proxy.verified_claim(req)
            metadata = self._load(claim.instance_uuid)
            if metadata.instance.project_id != claim.project_id:
                LOG.warning(
                    "A metadata request for %s names another project.", claim.instance_uuid
                )
                raise exception.InstanceNotFound(instance_id=claim.instance_uuid)
            return metadata
        address = proxy.remote_address(req)
        instance_uuid = self._network_api.get_instance_uuid_by_address(
            context.get_admin_context(), address
        )
        if instance_uuid is None:
            raise exception.NotFound(f"No server has the address {address}.")
        return self._load(instance_uuid)

    def _load(self, instance_uuid: str) -> InstanceMetadata:
        with self._lock:
            metadata = self._cache.get(instance_uuid)
        if metadata is None:
            admin = context.get_admin_context()
            instance = Instance.get_by_uuid(admin, instance_uuid)
            bdms = BlockDeviceMappingList.get_by_instance_uuid(admin, instance_uuid)
            metadata = InstanceMetadata(instance, bdms=bdms)
            with self._lock:
                self._cache[instance_uuid] = metadata
        return metadata

    # -- the guest's password --------------------------------------------------------------------

    def _keep_password(self, req: webob.Request, instance_uuid: str) -> None:
        """Once: what the owner may have read already is not replaced."""
        if (req.content_length or 0) > guest_password.MAX_SIZE:
            raise webob.exc.HTTPBadRequest("Request is too large.")
        try:
            password = req.body.decode()
        except UnicodeDecodeError as exc:
            raise webob.exc.HTTPBadRequest("The password must be text, such as base64.") from exc
        instance = Instance.get_by_uuid(context.get_admin_context(), instance_uuid)
        if guest_password.extract(instance.system_metadata):
            raise webob.exc.HTTPConflict("The password is set already.")
        instance.system_metadata = instance.system_metadata | guest_password.convert(password)
        instance.save()
        with self._lock:
            self._cache.pop(instance_uuid, None)


def _is_password(path: str) -> bool:
    parts = path.strip("/").split("/")
    return (
        len(parts) == 3
        and (parts[0], parts[2]) == (OPENSTACK, PASSWORD)
        and parts[1] in VERSIONS
        and parts[1] != FOLSOM  # older than passwords
    )


def _text(content: str) -> webob.Response:
    return webob.Response(text=content, content_type="text/plain", charset="utf-8")
