"""Errors of images and of the image service."""

from __future__ import annotations

from nova_mini.exception.base import Forbidden, Invalid, NotFound, NovaException


class ImageNotFound(NotFound):
    msg_fmt = "Image %(image_id)s could not be found."


class ImageNotActive(Invalid):
    msg_fmt = "Image %(image_id)s is not active."


class ImageUnacceptable(Invalid):
    msg_fmt = "Image %(image_id)s is unacceptable: %(reason)s"


class ImageBadRequest(Invalid):
    msg_fmt = "Request of image %(image_id)s got BadRequest response: %(response)s"


class ImageNotAuthorized(Forbidden):
    msg_fmt = "Not authorized for image %(image_id)s."


class ImageQuotaExceeded(Forbidden):
    msg_fmt = "Quota exceeded or out of space for image %(image_id)s in the image service."


class GlanceConnectionFailed(NovaException):
    msg_fmt = "Connection to the image service failed: %(reason)s"
    code = 503
    safe = True
