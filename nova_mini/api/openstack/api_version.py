"""Microversions: the one that a request names, and the range that this API serves.

A version is a named tuple, so code compares it with a tuple: ``if req.api_version >= (2, 19): ...``
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import microversion_parse

from nova_mini import exception

SERVICE_TYPE = "compute"
STANDARD_HEADER = "OpenStack-API-Version"
LEGACY_HEADER = "X-OpenStack-Nova-API-Version"

_FORM = re.compile(r"([1-9]\d{0,3})\.(0|[1-9]\d{0,3})", re.ASCII)


class APIVersion(NamedTuple):
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


MIN_VERSION = DEFAULT_VERSION = APIVersion(2, 1)
MAX_VERSION = APIVersion(2, 104)
#: From this version on, no operation takes a query parameter that it does not know.
STRICT_QUERIES = APIVersion(2, 102)


def parse(text: str) -> APIVersion:
    """Raises InvalidAPIVersion if ``text`` is not MAJOR.MINOR."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise exception.InvalidAPIVersion(version=text[:32])
    return APIVersion(int(match[1]), int(match[2]))


def negotiate(headers: Mapping[str, str]) -> APIVersion:
    """The version that the headers name; 2.1 if they name none.

    Raises InvalidAPIVersion (400) and APIVersionNotServed (406).
    """
    found = {name: headers[name] for name in (STANDARD_HEADER, LEGACY_HEADER) if name in headers}
    text = microversion_parse.get_version(found, SERVICE_TYPE, [LEGACY_HEADER]) if found else None
    if text is None:
        return DEFAULT_VERSION
    if text == "latest":
        return MAX_VERSION
    version = parse(text)
    if not MIN_VERSION <= version <= MAX_VERSION:
        raise exception.APIVersionNotServed(
            version=version, minimum=MIN_VERSION, maximum=MAX_VERSION
        )
    return version


def headers_for(version: APIVersion) -> dict[str, str]:
    """The headers of a response that name its version."""
    return {
        STANDARD_HEADER: f"{SERVICE_TYPE} {version}",
        LEGACY_HEADER: str(version),
        "Vary": f"{STANDARD_HEADER}, {LEGACY_HEADER}",
    }
