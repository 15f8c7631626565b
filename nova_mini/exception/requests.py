"""Errors of a request itself: its form, its version, its sender's rights."""

from __future__ import annotations

from nova_mini.exception.base import Forbidden, Invalid, NotFound, NovaException


class ValidationError(Invalid):
    msg_fmt = "%(detail)s"


class InvalidInput(Invalid):
    msg_fmt = "Invalid input received: %(reason)s"


class PolicyNotAuthorized(Forbidden):
    msg_fmt = "Policy doesn't allow %(action)s to be performed."


class MarkerNotFound(Invalid):
    msg_fmt = "Marker %(marker)s could not be found."


class InvalidAPIVersion(Invalid):
    msg_fmt = (
        "API Version String '%(version)s' is of invalid format. Must be of format "
        "MajorNum.MinorNum."
    )


class APIVersionNotServed(NovaException):
    msg_fmt = (
        "Version %(version)s is not supported by the API. Minimum is %(minimum)s and maximum is "
        "%(maximum)s."
    )
    code = 406
    safe = True


class MalformedRequestBody(Invalid):
    msg_fmt = "Malformed message body: %(reason)s"


class UnsupportedMediaType(NovaException):
    msg_fmt = "Unsupported Content-Type: %(content_type)s. Use application/json."
    code = 415
    safe = True


class InvalidMetadataPath(NotFound):
    msg_fmt = "There is no metadata at %(path)s"


class QuotaNotFound(NotFound):
    msg_fmt = "Quota could not be found"


class KeystoneConnectionFailed(NovaException):
    msg_fmt = "Connection to the identity service failed: %(reason)s"
    code = 503
    safe = True


class VendordataFailed(NovaException):
    msg_fmt = "The service %(name)s did not answer with the vendordata of the server."
