"""The root of all exceptions, and the kinds with an HTTP status of their own."""

from __future__ import annotations


class NovaException(Exception):
    msg_fmt = "An unknown exception occurred."
    code = 500
    safe = False  # whether a user without the admin role may see the message

    def __init__(self, message: str | None = None, **kwargs):
        """``internal``: an addition to the message that only operators may see."""
        self.kwargs = kwargs  # oslo.messaging creates the exception from them at the RPC caller
        self.internal: str | None = kwargs.get("internal")
        super().__init__(message or (self.msg_fmt % kwargs if kwargs else self.msg_fmt))

    def format_message(self) -> str:
        return str(self.args[0])


class ConfigurationError(NovaException):
    msg_fmt = "The configuration is wrong."


class Invalid(NovaException):
    msg_fmt = "The request is not valid."
    code = 400
    safe = True


class NotFound(NovaException):
    msg_fmt = "The resource could not be found."
    code = 404
    safe = True


class Forbidden(NovaException):
    msg_fmt = "Forbidden"
    code = 403
    safe = True


class OverQuota(Forbidden):
    msg_fmt = (
        "Quota exceeded for %(overs)s: requested %(req)s, but already used %(used)s of %(allowed)s."
    )


class Conflict(NovaException):
    msg_fmt = "The request conflicts with the state of the resource."
    code = 409
    safe = True


class Gone(NovaException):
    msg_fmt = "This resource is no longer available. No forwarding address is given."
    code = 410
    safe = True
