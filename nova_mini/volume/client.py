"""Requests to the volume service, by python-cinderclient: in whose name, and where it is.

The client is loaded when it is first needed: most processes of most clouds never ask.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from keystoneauth1 import exceptions as ks_exc

from nova_mini import exception, service_auth
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from cinderclient.v3.client import Client

    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

MICROVERSION = "3.44"  # attachments that are created, updated and completed
REIMAGE = "3.68"  # a volume is given the content of another image

# Connection information holds keys and passwords: bodies are never logged.
_HTTP_LOG = logging.getLogger("nova_mini.volume.http")
_HTTP_LOG.setLevel(logging.WARNING)


def client(
    context: RequestContext,
    *,
    as_service: bool = False,
    repeat: bool = True,
    version: str = MICROVERSION,
) -> Client:
    """``repeat``: again when the connection fails, for what may be asked twice."""
    from cinderclient.api_versions import APIVersion
    from cinderclient.v3.client import Client

    options = CONF.cinder
    return Client(
        api_version=APIVersion(version),
        session=service_auth.get_session("cinder"),
        auth=service_auth.vouched_plugin(context, "cinder", as_service=as_service),
        service_type=options.service_type,
        service_name=options.service_name,
        endpoint_type=options.valid_interfaces,
        region_name=options.region_name,
        os_endpoint=_endpoint(context, as_service),
        global_request_id=context.global_id,
        connect_retries=options.http_retries if repeat else 0,
        status_code_retries=options.http_retries if repeat else 0,
        logger=_HTTP_LOG,
    )


def _endpoint(context: RequestContext, as_service: bool) -> str | None:
    """Where Cinder is for this project: older catalogs have the asker's project in its URL, and
    the catalog that we see is our own."""
    service = service_auth.service_plugin("cinder")
    session = service_auth.get_session("cinder")
    options = CONF.cinder
    url = options.endpoint_override or service.get_endpoint(
        session,
        service_type=options.service_type,
        service_name=options.service_name,
        interface=options.valid_interfaces,
        region_name=options.region_name,
    )
    if url is None:
        raise exception.CinderConnectionFailed(reason="the catalog has no volume service")
    ours = service.get_project_id(session) or ""
    is_user = context.auth_token and not as_service and CONF.api.auth_strategy != "noauth2"
    project = context.project_id if is_user else ours
    url = url.replace("%(project_id)s", project).replace("%(tenant_id)s", project)
    if ours and url.rstrip("/").endswith(f"/{ours}"):
        url = url.rstrip("/").removesuffix(ours) + project
    return url


@contextlib.contextmanager
def translated(
    missing: exception.NovaException | None = None, volume_id: str = ""
) -> Iterator[None]:
    """The client's errors become ours; ``missing`` is what 404 means."""
    from cinderclient import exceptions as cinder_exc

    try:
        yield
    except cinder_exc.NotFound as exc:
        raise missing or exception.InvalidVolume(reason=exc.message) from exc
    except cinder_exc.Unauthorized as exc:
        raise exception.CinderConnectionFailed(reason="it refuses the credentials") from exc
    except cinder_exc.OverLimit as exc:
        raise exception.VolumeQuotaExceeded(reason=exc.message) from exc
    except cinder_exc.Forbidden as exc:
        raise exception.VolumeAccessDenied(volume_id=volume_id) from exc
    except cinder_exc.ClientException as exc:
        if exc.code >= 500:
            raise exception.CinderConnectionFailed(reason=f"it answered {exc.code}") from exc
        raise exception.InvalidVolume(reason=exc.message) from exc
    except ks_exc.ClientException as exc:
        LOG.warning("Volume service: %s", exc)
        raise exception.CinderConnectionFailed(reason="it does not answer") from exc
