"""Errors of consoles and their proxies."""

from __future__ import annotations

from nova_mini.exception.base import Conflict, Forbidden, Invalid, NotFound, NovaException


class ConsoleNotAvailable(Conflict):
    msg_fmt = "Guest does not have a console available."


class ConsoleTypeInvalid(Invalid):
    msg_fmt = "Invalid console type %(console_type)s"


class ConsoleTypeUnavailable(Invalid):
    msg_fmt = "Unavailable console type %(console_type)s."


class ConsolePortsExhausted(NovaException):
    msg_fmt = "All ports of %(host)s from %(first)s to %(last)s are in use."


class ConsoleRefused(Forbidden):
    """A console proxy does not open the console. The message is for the operator's log."""

    msg_fmt = "%(reason)s"


class InvalidToken(NotFound):
    msg_fmt = "Token not found"
