"""Validates keys and values of extra specs, since microversion 2.86.

So a mistake is reported by the API and not by the first build. ``guest_options`` defines which
values each key takes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from nova_mini import exception
from nova_mini.guest_options.flavor_options import EXTRA_SPECS
from nova_mini.guest_options.option import Option


def validate(specs: Mapping[str, str]) -> None:
    """Raises ValidationError for an invalid value, and for an unknown key in one of Nova's
    namespaces. Operators may use other namespaces freely."""
    for key, value in specs.items():
        option = EXTRA_SPECS.find(key)
        if option is None or not option.is_validated or not option.knows(key):
            _refuse_unknown(key)
        else:
            _check_value(option, value)


def _check_value(option: Option, value: str) -> None:
    error = option.values.error(value)
    if error:
        raise exception.ValidationError(detail=f"Validation failed; {error}")


def _refuse_unknown(key: str) -> None:
    namespace, colon, _ = key.partition(":")
    if colon and any(pattern.fullmatch(namespace) for pattern in _namespaces()):
        raise exception.ValidationError(
            detail=f"Validation failed; extra spec '{key}' does not appear to be a valid extra "
            "spec."
        )


@functools.cache
def _namespaces() -> frozenset[re.Pattern]:
    found = {
        option.pattern.pattern.partition(":")[0]
        for option in EXTRA_SPECS.options
        if option.is_validated and ":" in option.key
    }
    # A part may stand in several patterns, and is a group of one name in each.
    return frozenset(re.compile(pattern, re.ASCII) for pattern in found)
