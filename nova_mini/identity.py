"""Ask Keystone whether a project exists, when an administrator shows or sets its quotas."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from keystoneauth1 import exceptions as ks_exc

from nova_mini import exception, service_auth

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

_OK, _NOT_FOUND = 200, 404


def verify_project_id(context: RequestContext, project_id: str) -> None:
    """Raise ValidationError (400) when Keystone has no such project. Called by the API.

    The request is made with the user's token, and with the service's own if that one is refused.
    With any other response, or when ``[keystone]`` is not configured, the project is accepted, as
    in Nova.
    """
    if not service_auth.is_configured("keystone"):
        return
    try:
        status = _get_status(context, project_id, as_service=False)
        if status not in (_OK, _NOT_FOUND):
            status = _get_status(context, project_id, as_service=True)
    except (ks_exc.ClientException, exception.ConfigurationError) as exc:
        LOG.warning("Project %s: could not verify, Keystone does not answer: %s", project_id, exc)
        return
    if status == _NOT_FOUND:
        raise exception.ValidationError(detail=f"Project ID {project_id} is not a valid project.")
    if status != _OK:
        LOG.info("Project %s: could not verify, Keystone responds with %d", project_id, status)


def _get_status(context: RequestContext, project_id: str, *, as_service: bool) -> int:
    """The HTTP status of Keystone's response to GET /projects/{project_id}."""
    keystone: Any = service_auth.get_adapter(context, "keystone", as_service=as_service)
    keystone.min_version, keystone.max_version = (3, 0), (3, "latest")
    return keystone.get(f"/projects/{quote(project_id, safe='')}", raise_exc=False).status_code
