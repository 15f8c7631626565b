"""Errors that end or interrupt an attempt of an operation, and are not for users."""

from __future__ import annotations

from nova_mini.exception.base import NovaException


class ActionInterrupted(NovaException):
    """The operation cannot continue now, for example because the message bus or the database is
    unavailable. It is retried."""

    msg_fmt = "The operation was interrupted: %(reason)s"
    code = 503


class Preempted(ActionInterrupted):
    """The operation waited for a guest, and an urgent operation waits for the same server."""

    msg_fmt = "The operation was interrupted by an urgent operation, and is resumed after it."


class UnknownOperation(NovaException):
    """A row of a later release names an operation that this one does not have."""

    msg_fmt = "This release does not know the operation %(name)s."


class UnknownParameters(NovaException):
    """A row of a later release holds parameters that this one cannot read."""

    msg_fmt = "This release cannot read %(kind)s of version %(version)s."


class DatabaseUnavailable(NovaException):
    msg_fmt = "The database does not answer."
    code = 503
