"""Errors as the Compute API documents them: ``{"<kind>": {"code": 4xx, "message": "..."}}``."""

from __future__ import annotations

import logging

import oslo_messaging
import webob
import webob.exc
from oslo_db import exception as db_exc

from nova_mini import exception
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

# What may well go when it is tried again.
_PASSING = (
    exception.DatabaseUnavailable,
    db_exc.DBConnectionError,
    db_exc.DBDeadlock,
    oslo_messaging.MessagingException,
)
_UNEXPECTED = (
    "An unexpected error happened in the Compute service. Try again, or give its operator the "
    "request id of this answer (header x-compute-request-id)."
)
_AWAY = "A part of the Compute service does not answer now. Try again in a few seconds."


def make(code: int, message: str, headers=()) -> webob.Response:
    """An answer with a fault in it."""
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
    """What the user is told of ``exc``; what only the operator may know goes to the log."""
    if isinstance(exc, exception.NovaException) and (exc.safe or exc.code < 500):
        return make(exc.code, exc.format_message())
    if isinstance(exc, webob.exc.HTTPException):
        return make(exc.status_int, exc.detail or exc.explanation, _kept_headers(exc))
    if isinstance(exc, _PASSING):
        LOG.warning("A part of the service does not answer: %s", exc)
        return make(503, _AWAY, [("Retry-After", "5")])
    LOG.error("An API request failed unexpectedly.", exc_info=exc)
    return make(500, _UNEXPECTED)


def _kept_headers(exc: webob.exc.HTTPException) -> list[tuple[str, str]]:
    made_anew = ("content-type", "content-length")
    return [(name, value) for name, value in exc.headerlist if name.lower() not in made_anew]
