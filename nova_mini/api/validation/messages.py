"""What a user reads when a body does not match its schema.

Our own sentences, not jsonschema's, which repeat the value: it may be a password, or a megabyte.
"""

from __future__ import annotations

from collections.abc import Iterable

from jsonschema import ValidationError
from jsonschema.exceptions import best_match

from nova_mini.api.validation.formats import DESCRIPTIONS

_MAX_LENGTH = 500

_SENTENCES = {
    "type": lambda e: f"must be of type {_types(e.validator_value)}",
    "enum": lambda e: f"must be one of {', '.join(map(str, e.validator_value))}",
    "required": lambda e: f"lacks {_missing(e)}",
    "additionalProperties": lambda e: f"has {_additional(e)}, which is not known here",
    "minProperties": lambda e: f"needs at least {e.validator_value} properties",
    "maxProperties": lambda e: f"may have at most {e.validator_value} properties",
    "minItems": lambda e: f"needs at least {e.validator_value} items",
    "maxItems": lambda e: f"may have at most {e.validator_value} items",
    "uniqueItems": lambda e: "must not hold the same item twice",
    "minLength": lambda e: f"must have at least {e.validator_value} characters",
    "maxLength": lambda e: f"may have at most {e.validator_value} characters",
    "minimum": lambda e: f"must be at least {e.validator_value}",
    "maximum": lambda e: f"may be at most {e.validator_value}",
    "pattern": lambda e: f"must match the pattern {e.validator_value}",
    "format": lambda e: f"must be {DESCRIPTIONS[e.validator_value]}",
    "not": lambda e: "has a form that is not allowed",
    "oneOf": lambda e: "must match exactly one of the documented forms",
    "anyOf": lambda e: "matches none of the documented forms",
}


def explain(errors: Iterable[ValidationError]) -> str:
    """A sentence on the error that matters most."""
    error = best_match(errors)
    where = ".".join(str(part) for part in error.absolute_path)
    subject = f"Invalid input: '{where}'" if where else "Invalid input: it"
    return f"{subject} {_SENTENCES[error.validator](error)}."[:_MAX_LENGTH]


def _types(declared: str | list[str]) -> str:
    return declared if isinstance(declared, str) else " or ".join(declared)


def _missing(error: ValidationError) -> str:
    names = [name for name in error.validator_value if name not in error.instance]
    return f"the required '{names[0]}'"


def _additional(error: ValidationError) -> str:
    known = error.schema.get("properties", {})
    extra = [name for name in error.instance if name not in known]
    return ", ".join(f"'{name[:64]}'" for name in extra[:5])
