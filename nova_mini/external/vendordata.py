"""Vendordata: what the operator of the cloud tells a guest in its metadata.

It is the content of a file, and the answers of services that are asked for data of the server.
"""

from __future__ import annotations

import functools
import json
import logging
import pathlib
from typing import TYPE_CHECKING, Any

from keystoneauth1 import exceptions

from nova_mini import exception, service_auth
from nova_mini.conf import CONF
from nova_mini.objects.instance_metadata import BOOT_ROLES

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)

_AUTH_GROUP = "vendordata_dynamic_auth"
_STATIC, _DYNAMIC = "StaticJSON", "DynamicJSON"
_HEADERS = {"Accept": "application/json", "User-Agent": "openstack-nova-vendordata"}
_MAX_BYTES = 1024 * 1024  # of an answer


class Vendordata:
    """The vendordata of one server. Each source is read once."""

    def __init__(self, instance: Instance):
        self._instance = instance

    @functools.cached_property
    def first(self) -> Any:
        """The content of vendor_data.json."""
        return _static() if _STATIC in CONF.api.vendordata_providers else {}

    @functools.cached_property
    def second(self) -> dict[str, Any]:
        """The content of vendor_data2.json. Raises VendordataFailed if a service fails and this is
        fatal."""
        found: dict[str, Any] = {}
        for provider in CONF.api.vendordata_providers:
            if provider == _STATIC:
                found["static"] = self.first
            elif provider == _DYNAMIC:
                found.update(self._dynamic())
        return found

    def _dynamic(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for target in CONF.api.vendordata_dynamic_targets:
            name, _, url = target.partition("@")
            if not (name and url):
                LOG.error("[api] vendordata_dynamic_targets: %s is not NAME@URL", target)
            elif name in found:
                LOG.warning("[api] vendordata_dynamic_targets: %s is there twice", name)
            else:
                found[name] = self._ask(name, url)
        return found

    def _ask(self, name: str, url: str) -> Any:
        try:
            return self._request(url)
        except (exceptions.ClientException, ValueError) as exc:
            LOG.warning(
                "Instance %s: no vendordata from %s: %s",
                self._instance.uuid,
                name,
                type(exc).__name__,
            )
            LOG.debug("Vendordata service %s: %s", name, exc)
            if CONF.api.vendordata_dynamic_failure_fatal:
                raise exception.VendordataFailed(name=name) from exc
        return {}

    def _request(self, url: str) -> Any:
        """Raises ClientException, and ValueError for an answer that is not JSON."""
        options: dict[str, Any] = {"authenticated": False}
        if CONF[_AUTH_GROUP].auth_type or CONF[_AUTH_GROUP].auth_section:
            options = {"auth": service_auth.service_plugin(_AUTH_GROUP)}
        if CONF.api.vendordata_dynamic_ssl_certfile:
            options["verify"] = CONF.api.vendordata_dynamic_ssl_certfile
        seconds = (
            CONF.api.vendordata_dynamic_connect_timeout,
            CONF.api.vendordata_dynamic_read_timeout or None,
        )
        response = service_auth.get_session(_AUTH_GROUP).request(
            url,
            "POST",
            json=self._description(),
            headers=_HEADERS,
            timeout=seconds,
            redirect=False,  # another server must not get the token
            log=False,  # users' data
            **options,
        )
        if response.status_code not in (200, 201):
            raise ValueError(f"status {response.status_code}")
        if len(response.content) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")
        return response.json() if response.content else {}

    def _description(self) -> dict[str, Any]:
        """The body of a request, with Nova's keys."""
        instance = self._instance
        return {
            "project-id": instance.project_id,
            "instance-id": instance.uuid,
            "image-id": instance.image_ref,
            "user-data": instance.user_data,
            "hostname": instance.hostname,
            "metadata": instance.metadata,
            "boot-roles": instance.system_metadata.get(BOOT_ROLES) or "",
        }


def _static() -> Any:
    """{} if no file is configured, or if it cannot be read."""
    path = CONF.api.vendordata_jsonfile_path
    if not path:
        return {}
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError) as exc:
        LOG.warning("[api] vendordata_jsonfile_path %s: could not read it: %s", path, exc)
        return {}
