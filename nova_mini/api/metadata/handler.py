"""The metadata service: requests of guests to 169.254.169.254, forwarded by Neutron's proxy."""

from __future__ import annotations

import threading
from typing import Any

import cachetools
import webob
import webob.dec
import webob.exc
from oslo_log import log as logging

from nova_mini import context, exception
from nova_mini.api.metadata import proxy
from nova_mini.conf import CONF
from nova_mini.external.vendordata import Vendordata
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
    TaggedDisk,
)

LOG = logging.getLogger(__name__)

_CACHED_SERVERS = 1024


class MetadataRequestHandler:
    """A WSGI application. It logs no metadata and no secrets of request headers."""

    def __init__(self, network_api: neutron.API | None = None):
        self._network_api = network_api or neutron.API()
        self._cache: cachetools.TTLCache[Any, Any] = cachetools.TTLCache(
            _CACHED_SERVERS, CONF.api.metadata_cache_expiration
        )
        self._lock = threading.Lock()

    @classmethod
    def factory(cls, global_config: dict, **local_config: str) -> MetadataRequestHandler:
        """Called by Paste."""
        return cls()

    @webob.dec.wsgify
    def __call__(self, req: webob.Request) -> webob.Response:
        try:
            return self._respond(req)
        except exception.NotFound as exc:
            return webob.exc.HTTPNotFound(exc.format_message())
        except exception.NeutronConnectionFailed as exc:
            return webob.exc.HTTPServiceUnavailable(exc.format_message())
        except webob.exc.HTTPException as exc:
            return exc
        except Exception:
            LOG.exception("Metadata request failed")
            return webob.exc.HTTPInternalServerError(
                "An unknown error has occurred. Please try your request again."
            )

    def _respond(self, req: webob.Request) -> webob.Response:
        _check_path(req)
        if not req.path_info.strip("/"):
            return _text("\n".join(ec2_metadata.VERSIONS))
        is_password = _is_password(req.path_info)
        # Another process of the API may have stored the password a second ago.
        metadata = self._get_metadata(req, from_cache=not is_password)
        if is_password and req.method == "POST":
            self._store_password(req, metadata.instance.uuid)
            return webob.Response()
        if req.method not in ("GET", "HEAD"):
            raise webob.exc.HTTPMethodNotAllowed(
                "Metadata is read-only.", headers={"Allow": "GET, HEAD"}
            )
        found = metadata.lookup(req.path_info)
        if isinstance(found, list):
            return _text("\n".join(found))
        content_type = "application/json" if req.path_info.endswith(".json") else "text/plain"
        return webob.Response(body=found, content_type=content_type)

    # -- the server of a request -----------------------------------------------------------------

    def _get_metadata(self, req: webob.Request, from_cache: bool) -> InstanceMetadata:
        if CONF.neutron.service_metadata_proxy:
            server = proxy.get_verified_server(req)
            metadata = self._load(server.instance_uuid, from_cache)
            if metadata.instance.project_id != server.project_id:
                LOG.warning(
                    "Instance %s: metadata request refused: it names another project",
                    server.instance_uuid,
                )
                raise exception.InstanceNotFound(instance_id=server.instance_uuid)
            return metadata
        address = proxy.remote_address(req)
        instance_uuid = self._network_api.get_instance_uuid_by_address(
            context.get_admin_context(), address
        )
        if instance_uuid is None:
            raise exception.NotFound(f"No server with the address {address} was found.")
        return self._load(instance_uuid, from_cache)

    def _load(self, instance_uuid: str, from_cache: bool) -> InstanceMetadata:
        with self._lock:
            metadata = self._cache.get(instance_uuid) if from_cache else None
        if metadata is None:
            admin = context.get_admin_context()
            instance = Instance.get_by_uuid(admin, instance_uuid)
            bdms = BlockDeviceMappingList.get_by_instance_uuid(admin, instance_uuid)
            disks = TaggedDisk.of_mappings(bdms)
            metadata = InstanceMetadata(
                instance, tagged_disks=disks, vendordata=Vendordata(instance)
            )
            with self._lock:
                self._cache[instance_uuid] = metadata
        return metadata

    # -- the guest's password --------------------------------------------------------------------

    def _store_password(self, req: webob.Request, instance_uuid: str) -> None:
        """Raises HTTPConflict if there is a password: the owner may have read it already."""
        password = _read_password(req)
        try:
            is_stored = guest_password.store(context.get_admin_context(), instance_uuid, password)
        except exception.InstanceChanged as exc:
            raise webob.exc.HTTPServiceUnavailable(
                "The server is being changed. Try again later."
            ) from exc
        if not is_stored:
            raise webob.exc.HTTPConflict("The password is already set.")
        with self._lock:
            self._cache.pop(instance_uuid, None)


def _check_path(req: webob.Request) -> None:
    """Raises HTTPBadRequest for a path that is not UTF-8."""
    try:
        _ = req.path_info
    except UnicodeDecodeError as exc:
        raise webob.exc.HTTPBadRequest("The path must be UTF-8.") from exc


def _read_password(req: webob.Request) -> str:
    """The body of the request. Raises HTTPBadRequest if it is too large or not text."""
    if (req.content_length or 0) > guest_password.MAX_SIZE:
        raise webob.exc.HTTPBadRequest("Request is too large.")
    # A chunked body may have no length. Read only enough to see that it is too large.
    body = req.body_file.read(guest_password.MAX_SIZE + 1)
    if len(body) > guest_password.MAX_SIZE:
        raise webob.exc.HTTPBadRequest("Request is too large.")
    try:
        password = body.decode()
    except UnicodeDecodeError as exc:
        raise webob.exc.HTTPBadRequest("The password must be text, such as base64.") from exc
    if "\0" in password:
        raise webob.exc.HTTPBadRequest("The password must be text, such as base64.")
    return password


def _is_password(path: str) -> bool:
    parts = path.strip("/").split("/")
    return (
        len(parts) == 3
        and (parts[0], parts[2]) == (OPENSTACK, PASSWORD)
        and parts[1] in VERSIONS
        and parts[1] != FOLSOM  # this version has no passwords
    )


def _text(content: str) -> webob.Response:
    return webob.Response(text=content, content_type="text/plain", charset="utf-8")
