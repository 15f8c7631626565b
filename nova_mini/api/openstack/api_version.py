"""Microversions: which one a request asks for, and the range that we serve.

A version is a plain ``(major, minor)`` tuple with a name, so code compares it as such:
``if req.api_version >= (2, 19): ...``
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
MAX_VERSION = APIVersion(2, 96)


def parse(text: str) -> APIVersion:
    """Raises InvalidAPIVersion for anything but MAJOR.MINOR."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise exception.InvalidAPIVersion(version=text[:32])
    return APIVersion(int(match[1]), int(match[2]))


def negotiate(headers: Mapping[str, str]) -> APIVersion:
    """The version that the headers ask for; 2.1 when they do not say.

    Raises InvalidAPIVersion (400) and APIVersionNotServed (406).
    """
    ours = {name: headers[name] for name in (STANDARD_HEADER, LEGACY_HEADER) if name in headers}
    asked = microversion_parse.get_version(ours, SERVICE_TYPE, [LEGACY_HEADER]) if ours else None
    if asked is None:
        return DEFAULT_VERSION
    if asked == "latest":
        return MAX_VERSION
    version = parse(asked)
    if not MIN_VERSION <= version <= MAX_VERSION:
        raise exception.APIVersionNotServed(
            version=version, minimum=MIN_VERSION, maximum=MAX_VERSION
        )
    return version


def headers_for(version: APIVersion) -> dict[str, str]:
    """What every answer says of the version that it was made with."""
    return {
        STANDARD_HEADER: f"{SERVICE_TYPE} {version}",
        LEGACY_HEADER: str(version),
        "Vary": f"{STANDARD_HEADER}, {LEGACY_HEADER}",
    }
