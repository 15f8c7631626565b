"""Make clients of python-cinderclient, with credentials and endpoint, and translate their errors.

python-cinderclient is imported when it is first needed: most processes never need it.
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
    from cinderclient.exceptions import ClientException
    from cinderclient.v3.client import Client

    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

MICROVERSION = "3.44"  # adds the completion of attachments
REIMAGE = "3.68"  # adds the action reimage

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
    """Make a client. ``as_service``: with the service's credentials, not the user's token.
    ``repeat``: retry requests when the connection fails, for requests that are idempotent."""
    from cinderclient.api_versions import APIVersion
    from cinderclient.v3.client import Client

    options = CONF.cinder
    return Client(
        api_version=APIVersion(version),
        session=service_auth.get_session("cinder"),
        auth=service_auth.plugin_with_service_token(context, "cinder", as_service=as_service),
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
    """Cinder's URL for the project of the request. In older catalogs it contains the project's id;
    the catalog is that of the service's project, so its id is replaced."""
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
    service_project = service.get_project_id(session) or ""
    is_user = context.auth_token and not as_service and CONF.api.auth_strategy != "noauth2"
    project = (context.project_id if is_user else service_project) or ""
    url = url.replace("%(project_id)s", project).replace("%(tenant_id)s", project)
    if service_project and url.rstrip("/").endswith(f"/{service_project}"):
        url = url.rstrip("/").removesuffix(service_project) + project
    return url


@contextlib.contextmanager
def translated(
    missing: exception.NovaException | None = None, volume_id: str = ""
) -> Iterator[None]:
    """Translate the client's errors; ``missing`` is raised for the status 404."""
    from cinderclient import exceptions as cinder_exc

    try:
        yield
    except cinder_exc.NotFound as exc:
        raise missing or _refusal(exc) from exc
    except cinder_exc.Unauthorized as exc:
        raise exception.CinderConnectionFailed(reason="it refuses the credentials") from exc
    except cinder_exc.OverLimit as exc:
        raise exception.VolumeQuotaExceeded(reason=exc.message) from exc
    except cinder_exc.Forbidden as exc:
        raise exception.VolumeAccessDenied(volume_id=volume_id) from exc
    except cinder_exc.ClientException as exc:
        if exc.code >= 500:
            raise exception.CinderConnectionFailed(reason=f"it answered {exc.code}") from exc
        raise _refusal(exc) from exc
    except ks_exc.ClientException as exc:
        LOG.warning("Volume service: no answer: %s", exc)
        raise exception.CinderConnectionFailed(reason="it does not answer") from exc


def _refusal(exc: ClientException) -> exception.InvalidVolume:
    """InvalidVolume with Cinder's message, without its usual prefix, which InvalidVolume adds."""
    return exception.InvalidVolume(reason=exc.message.removeprefix("Invalid volume: "))
