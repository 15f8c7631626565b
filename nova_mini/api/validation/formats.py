"""Formats (keyword ``format``) of the JSON Schemas."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import unicodedata
from collections.abc import Callable

import jsonschema
from oslo_utils import timeutils, uuidutils

from nova_mini import patterns

FORMAT_CHECKER = jsonschema.FormatChecker(formats=())

# Largest value of an INTEGER column of the database, and the documented maximum of the API.
MAX_INT = 0x7FFFFFFF

#: format -> what a value must be, for error messages
DESCRIPTIONS: dict[str, str] = {}
#: Formats of names, for which Nova has error messages of their own.
NAMES = frozenset({"name", "name_with_blanks", "az_name"})

_HOSTNAME = re.compile(r"(?=.{2,63}\Z)[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?")
_FQDN = re.compile(
    r"(?=.{2,255}\Z)[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
    r"(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
)

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _format(name: str, description: str) -> Callable:
    DESCRIPTIONS[name] = description

    def register(check: Callable[[str], bool]) -> Callable:
        def check_string(value: object) -> bool:
            return not isinstance(value, str) or check(value)

        FORMAT_CHECKER.checks(name)(check_string)
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


@_format("printable", "printable characters")
def is_printable(value: str) -> bool:
    """Whether there are only letters, marks, digits, punctuation, symbols and spaces: no control
    or format characters, line breaks or unassigned code points.

    ``str.isprintable`` accepts no other space than " ", so all spaces are replaced by it.
    """
    return value.isprintable() or "".join(map(_normalized_space, value)).isprintable()


def _normalized_space(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else character


@_format("text", "text without control characters other than tab and line ends")
def is_text(value: str) -> bool:
    return _CONTROL.search(value) is None


@_format("name", "printable characters. Can not start or end with whitespace.")
def is_name(value: str) -> bool:
    return value == value.strip() and is_name_with_blanks(value)


@_format("name_with_blanks", "printable characters with at least one non space character")
def is_name_with_blanks(value: str) -> bool:
    return bool(value.strip()) and is_printable(value)


@_format("az_name", "printable characters except :. Can not start or end with whitespace.")
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


@_format("regex", "a regular expression (of RE2: without backreferences and lookaround)")
def is_regex(value: str) -> bool:
    return patterns.is_valid(value)
