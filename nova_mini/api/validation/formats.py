"""Formats that JSON Schema leaves to us."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable

import jsonschema
from oslo_utils import timeutils, uuidutils

FORMAT_CHECKER = jsonschema.FormatChecker(formats=())

# Largest value of the database's INTEGER columns, which is also the documented maximum.
MAX_INT = 0x7FFFFFFF

#: Format -> what the value must be, for messages.
DESCRIPTIONS: dict[str, str] = {}

_HOSTNAME = re.compile(r"(?=.{2,63}\Z)[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?")
_FQDN = re.compile(r"(?=.{2,255}\Z)[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
                   r"(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*")  # fmt: skip


def _format(name: str, description: str) -> Callable:
    DESCRIPTIONS[name] = description

    def register(check: Callable[[str], bool]) -> Callable:
        def of_strings(value) -> bool:
            return not isinstance(value, str) or check(value)

        FORMAT_CHECKER.checks(name)(of_strings)
        return check

    return register


@_format("uuid", "a UUID")
def is_uuid(value: str) -> bool:
    return uuidutils.is_uuid_like(value)


@_format("date-time", "a time like 2026-01-31T12:00:00Z")
def is_time(value: str) -> bool:
    try:
        timeutils.normalize_time(timeutils.parse_isotime(value))
    except (ValueError, OverflowError):
        return False
    return True


@_format("base64", "base64 text")
def is_base64(value: str) -> bool:
    try:
        base64.b64decode(re.sub(r"\s", "", value), validate=True)
    except (ValueError, binascii.Error):
        return False
    return True


@_format("ipv4", "an IPv4 address")
def is_ipv4(value: str) -> bool:
    return _is_address(ipaddress.IPv4Address, value)


@_format("ipv6", "an IPv6 address")
def is_ipv6(value: str) -> bool:
    return _is_address(ipaddress.IPv6Address, value) and "%" not in value


def _is_address(kind: type, value: str) -> bool:
    try:
        kind(value)
    except ValueError:
        return False
    return True


@_format("name", "printable text of at most 255 characters, without blanks at its ends")
def is_name(value: str) -> bool:
    return value == value.strip() and is_name_with_blanks(value)


@_format("name_with_blanks", "printable text of at most 255 characters, not only blanks")
def is_name_with_blanks(value: str) -> bool:
    return bool(value.strip()) and value.isprintable()


@_format("az_name", "a name without ':' and without blanks at its ends")
def is_az_name(value: str) -> bool:
    return is_name(value) and ":" not in value


@_format("int32", f"a whole number of at most {MAX_INT}")
def is_int32(value: str) -> bool:
    return value.isdecimal() and len(value) <= 10 and int(value) <= MAX_INT


@_format("limit", f"a whole number from -1, which is no limit, to {MAX_INT}")
def is_limit(value: str) -> bool:
    return value == "-1" or is_int32(value)


@_format("hostname", "a host name of 2 to 63 letters, digits and inner hyphens")
def is_hostname(value: str) -> bool:
    return _HOSTNAME.fullmatch(value) is not None


@_format("fqdn", "a host name or fully qualified domain name")
def is_fqdn(value: str) -> bool:
    return _FQDN.fullmatch(value) is not None


@_format("regex", "a regular expression")
def is_regex(value: str) -> bool:
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError):
        return False
    return True
