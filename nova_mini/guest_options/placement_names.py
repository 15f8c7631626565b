"""Nova's names of traits and of resource classes: the standard ones, and those of an administrator,
which begin with CUSTOM_."""

from __future__ import annotations

import functools
import re

_CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]+")
_LONGEST = 255


def is_custom(name: str) -> bool:
    return len(name) <= _LONGEST and bool(_CUSTOM.fullmatch(name))


def is_trait(name: str) -> bool:
    return is_custom(name) or name in standard_traits()


def is_resource_class(name: str) -> bool:
    return is_custom(name) or name in _standard_resources()


@functools.cache
def standard_traits() -> frozenset[str]:
    import os_traits  # hundreds of small modules, rarely needed

    return frozenset(os_traits.get_traits())


@functools.cache
def _standard_resources() -> frozenset[str]:
    import os_resource_classes

    return frozenset(os_resource_classes.STANDARDS)
