"""The registry of options, and its entries."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from nova_mini.guest_options.value_types import ValueType


@dataclasses.dataclass(frozen=True)
class GuestRequirements:
    """The requirements of a server: the extra specs of its flavor, the properties of its image (or
    of the image from which its boot volume was made), and its amounts of the host's resources.

    ``memory_mb`` is in MiB, ``local_gb`` in GiB.
    """

    extra_specs: Mapping[str, str]
    image_properties: Mapping[str, str]
    vcpus: int = 1
    memory_mb: int = 0
    local_gb: int = 0

    def hardware(self, name: str) -> str | None:
        """The extra spec ``hw:NAME``, else the image property ``hw_NAME``."""
        return self.extra_specs.get(f"hw:{name}") or self.image_properties.get(f"hw_{name}")


Test = Callable[[str, GuestRequirements], bool]


class Refusal(enum.Enum):
    """Nova's response to a request for an option that no host supports."""

    NO_VALID_HOST = "NoValidHost"
    BAD_REQUEST = "400"


EXTRA_SPEC = "extra spec"
IMAGE_PROPERTY = "image property"
_SHOWN = 80  # characters of a key or a value in a message


@dataclasses.dataclass(frozen=True)
class Problem:
    """A key whose value is not supported. ``kind``: extra spec or image property."""

    kind: str
    key: str
    value: str
    reason: str
    refusal: Refusal

    def __str__(self) -> str:
        return f"{self.kind} {self.key[:_SHOWN]}={self.value[:_SHOWN]} ({self.reason})"


@dataclasses.dataclass(frozen=True)
class Option:
    """An option, supported or not.

    ``key``: the name. It may contain ``{part}``; ``parts`` has the pattern of each part.
    ``actor``: the component that implements the option; None if it is not implemented.
    ``reason``: why other values are refused. ``is_default``: whether a value requests only what
    every guest has. ``is_ignored``: the option only modifies another one (``reason`` says which),
    so it is never refused. ``is_validated``: Nova's API checks the values of this key when it
    validates flavors (microversion 2.86). ``has_name``: whether the name after the colon exists;
    None: every name that ``parts`` allows.
    """

    key: str
    values: ValueType
    actor: str | None = None
    reason: str = ""
    is_default: Test | None = None
    is_ignored: bool = False
    refusal: Refusal = Refusal.NO_VALID_HOST
    parts: tuple[tuple[str, str], ...] = ()
    is_validated: bool = True
    has_name: Callable[[str], bool] | None = None

    @functools.cached_property
    def pattern(self) -> re.Pattern:
        """The pattern of the option's keys."""
        text = re.escape(self.key)
        for name, pattern in self.parts:
            text = text.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>{pattern})")
        return re.compile(text, re.ASCII)

    def knows(self, key: str) -> bool:
        """Whether the name in a key exists, for a key that has the option's pattern."""
        return self.has_name is None or self.has_name(key.partition(":")[2])

    def is_refused(self, value: str, requested: GuestRequirements) -> bool:
        if self.is_ignored:
            return False
        if self.actor is not None and self.is_default is None:
            return False
        return self.is_default is None or not self.is_default(value, requested)


class Registry:
    """Options by key."""

    def __init__(self, options: list[Option]):
        self.options = tuple(options)
        self._plain = {option.key: option for option in options if not option.parts}
        self._varying = [option for option in options if option.parts]

    def find(self, key: str) -> Option | None:
        """The option with this key; None for a key that Nova does not define."""
        option = self._plain.get(key)
        if option is None and (":" in key or "." in key):
            option = next((o for o in self._varying if o.pattern.fullmatch(key)), None)
        return option


# -- constructors of options ---------------------------------------------------------------------


def supported(
    key: str, values: ValueType, by: str, only: tuple[str, ...] = (), **more: Any
) -> Option:
    """An option that ``by`` implements; ``only``: those of Nova's values that are supported."""
    if only:
        more |= {"is_default": one_of(*only), "reason": f"supported: {', '.join(only)}"}
    return Option(key, values, actor=by, **more)


def refused(
    key: str, values: ValueType, reason: str, unless: Test | None = None, **more: Any
) -> Option:
    """An option that is not supported, except for values for which ``unless`` is true."""
    return Option(key, values, reason=reason, is_default=unless, **more)


def ignored(key: str, values: ValueType, reason: str, **more: Any) -> Option:
    """An option that needs no support; see ``Option.is_ignored``."""
    return Option(key, values, reason=reason, is_ignored=True, **more)


def one_of(*values: str) -> Test:
    return lambda value, requested: value in values
