"""Errors as the Compute API documents them: ``{"<kind>": {"code": 4xx, "message": "..."}}``."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import oslo_messaging
import webob
import webob.exc
from oslo_db import exception as db_exc

from nova_mini import disclosure, exception
from nova_mini.api.openstack import serialization

LOG = logging.getLogger(__name__)

_KINDS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}

# Errors after which a retry of the request may succeed.
_TRANSIENT = (
    exception.DatabaseUnavailable,
    db_exc.DBConnectionError,
    db_exc.DBDeadlock,
    oslo_messaging.MessagingException,
)
_UNEXPECTED = (
    "Unexpected API error. Try again. If it happens again, give the operator the request id of "
    "this response (header x-compute-request-id)."
)
_UNAVAILABLE = "The Compute service is temporarily unavailable. Try again in a few seconds."


def make(code: int, message: str, headers: Iterable[tuple[str, str]] = ()) -> webob.Response:
    """A response with a fault as its body."""
    fault = {"code": code, "message": message}
    if code in (413, 429):
        fault["retryAfter"] = "0"
    response = webob.Response(
        status=code,
        content_type="application/json",
        charset=None,
        body=serialization.dumps({_KINDS.get(code, "computeFault"): fault}),
    )
    response.headers.extend(headers)
    return response


def from_exception(exc: Exception) -> webob.Response:
    """The response for ``exc``. Details that are for the operator only are logged."""
    if disclosure.is_for_users(exc):
        return make(exc.code, exc.format_message())
    if isinstance(exc, webob.exc.HTTPException):
        return make(exc.status_int, exc.detail or exc.explanation, _kept_headers(exc))
    if isinstance(exc, _TRANSIENT):
        LOG.warning("API request failed: database or message broker unavailable: %s", exc)
        return make(503, _UNAVAILABLE, [("Retry-After", "5")])
    LOG.error("API request failed: unexpected error", exc_info=exc)
    return make(500, _UNEXPECTED)


def _kept_headers(exc: webob.exc.HTTPException) -> list[tuple[str, str]]:
    replaced = ("content-type", "content-length")
    return [(name, value) for name, value in exc.headerlist if name.lower() not in replaced]
