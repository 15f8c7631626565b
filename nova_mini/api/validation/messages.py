"""Nova's error messages for a body or query string that does not match its schema.

A message repeats the invalid value, so long values are shortened and secrets are masked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jsonschema import ValidationError
from jsonschema.exceptions import best_match

from nova_mini.api.validation.formats import DESCRIPTIONS, NAMES

_MAX_LENGTH = 1000
_MAX_VALUE_LENGTH = 300  # a name or description that is a bit too long is shown whole
_SECRETS = frozenset({"adminPass", "contents", "password", "user_data"})
_HIDDEN = "***"


def of_body(errors: Iterable[ValidationError]) -> str:
    """The message for the most relevant error of a body."""
    error = best_match(errors)
    return _sentence(error, "field/attribute", _last_name(list(error.absolute_path)))


def of_query(errors: Iterable[ValidationError]) -> str:
    """The message for the most relevant error of a query string.

    The schema of a query string has a list of values for each name.
    """
    error = best_match(errors)
    return _sentence(error, "query parameters", next(iter(error.absolute_path), None))


def _last_name(path: list[str | int]) -> str | None:
    """The last name in the path of a value; for an item of a list with its index: ``tags.0``."""
    indexes: list[str] = []
    while path and isinstance(path[-1], int):
        indexes.insert(0, f".{path.pop()}")
    return "".join([str(path[-1]), *indexes]) if path else None


def _sentence(error: ValidationError, kind: str, name: str | None) -> str:
    reason = _reason(error)
    if error.validator == "format" and error.validator_value in NAMES:
        sentence = f"An invalid 'name' value was provided. The name must be: {reason}"
    elif name is None:
        sentence = reason
    else:
        sentence = f"Invalid input for {kind} {_short(name)}. Value: {_value(error)}. {reason}"
    return _short(sentence, _MAX_LENGTH)


def _reason(error: ValidationError) -> str:
    if error.validator == "format":
        description = DESCRIPTIONS[error.validator_value]
        if error.validator_value in NAMES:
            return description
        return f"{_value(error, quoted=True)} is not a '{error.validator_value}': {description}"
    return error.message.replace(repr(error.instance), _value(error, quoted=True), 1)


def _value(error: ValidationError, *, quoted: bool = False) -> str:
    """The invalid value, shortened and without secrets."""
    if _SECRETS.intersection(error.absolute_path):
        return _HIDDEN
    value = _without_secrets(error.instance)
    return _short(value if isinstance(value, str) and not quoted else repr(value))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _HIDDEN if name in _SECRETS else _without_secrets(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    return value


def _short(text: str, length: int = _MAX_VALUE_LENGTH) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
