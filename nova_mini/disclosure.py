"""Which texts of an error users may see, and which only operators.

Users see the responses of the API, the fault of a server and the events of its history. These
texts name no host, class, path or URL of an internal service. Operators see everything: in the log,
in the details of faults and in the details of events. All code that shows the text of an error
calls this module.
"""

from __future__ import annotations

import traceback
from typing import TypeGuard

from nova_mini import exception

# The prefixes of the events that users may see. All other events are steps, which are named after
# internal functions and requests to other services.
_EVENT_PREFIXES = ("compute_", "conductor_", "recovery_")


def is_for_users(exc: BaseException) -> TypeGuard[exception.NovaException]:
    """Whether users may see the message of ``exc``."""
    return isinstance(exc, exception.NovaException) and (exc.safe or exc.code < 500)


def message_for_user(exc: BaseException, request_id: str | None) -> str:
    """The message of ``exc`` if users may see it; else a text that names the request ID.

    Used for the fault of a server.
    """
    if is_for_users(exc):
        return exc.format_message()
    return (
        "An internal error occurred. The operator of this cloud can find its cause in the log "
        f"by the request ID {request_id}."
    )


def message_for_operator(exc: BaseException) -> str:
    """The message with its internal addition in one line, for logs and the details of events."""
    if not isinstance(exc, exception.NovaException):
        return f"{type(exc).__name__}: {exc}"
    message = exc.format_message()
    return f"{message} ({exc.internal})" if exc.internal else message


def details_for_operator(exc: BaseException) -> str:
    """The text for the details of a fault. It has a traceback when the error is unexpected or was
    caused by another error."""
    message = message_for_operator(exc)
    if isinstance(exc, exception.NovaException) and exc.__cause__ is None:
        return message
    return f"{message}\n{traceback_of(exc)}"


def traceback_of(exc: BaseException) -> str:
    """The traceback, which only administrators may see."""
    return "".join(traceback.format_exception(exc))


def is_event_for_users(name: str) -> bool:
    """Whether users without the admin role may see this event of a server's history."""
    return name.startswith(_EVENT_PREFIXES)
