"""The types of the values of options. Each checks a text and describes an error."""

from __future__ import annotations

import dataclasses
import re
from typing import Protocol

from oslo_utils import strutils


class ValueType(Protocol):
    def error(self, value: str) -> str | None:
        """Why ``value`` is not valid; None if it is."""

    def __str__(self) -> str:
        """The description of the type for the reference page."""


@dataclasses.dataclass(frozen=True)
class Text:
    """Any text."""

    def error(self, value: str) -> str | None:
        return None

    def __str__(self) -> str:
        return "text"


@dataclasses.dataclass(frozen=True)
class Boolean:
    def error(self, value: str) -> str | None:
        try:
            strutils.bool_from_string(value, strict=True)
        except ValueError:
            return f"'{value}' is not a valid boolean-like value."
        return None

    def __str__(self) -> str:
        return "boolean"


@dataclasses.dataclass(frozen=True)
class Integer:
    minimum: int | None = None
    maximum: int | None = None

    def error(self, value: str) -> str | None:
        try:
            number = int(value)
        except ValueError:
            return f"'{value}' is not a valid integer value."
        if self.maximum is not None and number > self.maximum:
            return f"'{value}' is greater than the max value of '{self.maximum}'."
        if self.minimum is not None and number < self.minimum:
            return f"'{value}' is less than the min value of '{self.minimum}'."
        return None

    def __str__(self) -> str:
        if self.maximum is not None:
            return f"integer, {self.minimum} to {self.maximum}"
        return "integer" if self.minimum is None else f"integer, {self.minimum} or more"


@dataclasses.dataclass(frozen=True)
class Choice:
    choices: tuple[str, ...]

    def error(self, value: str) -> str | None:
        if value in self.choices:
            return None
        return f"'{value}' is not one of: {', '.join(self.choices)}."

    def __str__(self) -> str:
        return ", ".join(f"`{choice}`" for choice in self.choices)


@dataclasses.dataclass(frozen=True)
class Pattern:
    """A regular expression without nested repetition, because it is applied to users' text."""

    pattern: str

    def error(self, value: str) -> str | None:
        if re.fullmatch(self.pattern, value, re.ASCII):
            return None
        return f"'{value}' is not of the format '{self.pattern}'."

    def __str__(self) -> str:
        return f"text like `{self.pattern}`"


TEXT = Text()
BOOLEAN = Boolean()
INTEGER = Integer()
NOT_NEGATIVE = Integer(0)
POSITIVE = Integer(1)
# CPUs by number: "0-3,^2,7"
CPUS = Pattern(r"\^?\d+(-\d+)?(,\^?\d+(-\d+)?)*")
PAGE_SIZE = Pattern(r"large|small|any|\d+([kKMGT]i?)?(b|bit|B)?")
