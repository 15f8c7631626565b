"""JSON Schemas for bodies and query strings.

A decorator declares a schema for a controller method and a range of microversions. It is compiled
once, and each request is validated before the method runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema.protocols import Validator
from webob.multidict import MultiDict

from nova_mini import exception
from nova_mini.api.openstack import api_version
from nova_mini.api.validation import messages
from nova_mini.api.validation.formats import FORMAT_CHECKER

_Validator = jsonschema.Draft4Validator


def _drop_additional(
    validator: Validator, allowed: object, value: Any, schema: Mapping
) -> Iterator[jsonschema.ValidationError]:
    """The keyword ``additionalProperties`` for the legacy API: unknown properties are removed."""
    if allowed is not False or not validator.is_type(value, "object"):
        return
    if "patternProperties" in schema:  # the property names are chosen by users
        yield from _Validator.VALIDATORS["additionalProperties"](validator, allowed, value, schema)
        return
    for name in set(value) - set(schema.get("properties", ())):
        del value[name]


_RelaxedValidator = jsonschema.validators.extend(
    _Validator, {"additionalProperties": _drop_additional}
)


class Schemas:
    """The compiled schemas of one method."""

    def __init__(self) -> None:
        # (first microversion, last microversion, validator)
        self.ranges: list[tuple[api_version.APIVersion, api_version.APIVersion, Validator]] = []

    def add(self, schema: Mapping, minimum: str, maximum: str | None) -> None:
        first = api_version.parse(minimum)
        last = api_version.parse(maximum) if maximum else api_version.MAX_VERSION
        validator = _Validator(schema, format_checker=FORMAT_CHECKER)
        self.ranges.append((first, last, validator))

    def at(self, version: api_version.APIVersion) -> Validator:
        """Raises LookupError if there is no schema for ``version``."""
        for first, last, validator in self.ranges:
            if first <= version <= last:
                return validator
        raise LookupError(f"No schema is declared for version {version}.")

    def validate(
        self, value: Any, version: api_version.APIVersion, *, relaxed: bool = False
    ) -> None:
        """Raises ValidationError with a message for the user.

        ``relaxed``: unknown properties are removed from ``value``, because the legacy API ignores
        them.
        """
        validator = self.at(version)
        if relaxed:
            validator = _RelaxedValidator(validator.schema, format_checker=FORMAT_CHECKER)
        self._validate(validator, value, messages.of_body)

    def validate_query(self, query: MultiDict, version: api_version.APIVersion) -> None:
        """Validate a query string, in which each name has a list of values."""
        if query:
            values = {name: query.getall(name) for name in query}
            self._validate(self.at(version), values, messages.of_query)

    @staticmethod
    def _validate(validator: Validator, value: Any, explain: Callable) -> None:
        try:
            if validator.is_valid(value):
                return
            reason = explain(validator.iter_errors(value))
        except RecursionError:
            reason = "The body is nested too deep."
        raise exception.ValidationError(detail=reason)


def schema(body: Mapping, minimum: str = "2.1", maximum: str | None = None) -> Callable:
    """Decorator: the method takes a body, which must match the schema ``body``."""
    return _declare("body_schemas", body, minimum, maximum)


def query_schema(query: Mapping, minimum: str = "2.1", maximum: str | None = None) -> Callable:
    """Decorator: the query string must match ``query``; see ``parameter_types.query_params``.

    Since 2.102 the schema is strict, whatever ``query`` says about unknown parameters.
    """
    strict = {**query, "additionalProperties": False}
    if query == strict:
        return _declare("query_schemas", query, minimum, maximum)

    def declare(function: Callable) -> Callable:
        for schema, first, last in _split_at_strict(query, strict, minimum, maximum):
            _declare("query_schemas", schema, first, last)(function)
        return function

    return declare


def _split_at_strict(
    lenient: Mapping, strict: Mapping, minimum: str, maximum: str | None
) -> Iterator[tuple[Mapping, str, str | None]]:
    """(schema, first version, last version or None) of the parts of a range of versions."""
    since = api_version.STRICT_QUERIES
    before = api_version.APIVersion(since.major, since.minor - 1)
    if api_version.parse(minimum) < since:
        ends_before = maximum and api_version.parse(maximum) < since
        yield lenient, minimum, maximum if ends_before else str(before)
        minimum = str(since)
    if maximum is None or api_version.parse(maximum) >= since:
        yield strict, minimum, maximum


def _no_query() -> Schemas:
    schemas = Schemas()
    nothing = {"type": "object", "properties": {}, "additionalProperties": False}
    schemas.add(nothing, str(api_version.MIN_VERSION), None)
    return schemas


#: For an operation that declares no query: it takes no parameter.
NO_QUERY = _no_query()


def body_schemas_of(function: Callable) -> Schemas | None:
    return getattr(function, "body_schemas", None)


def query_schemas_of(function: Callable) -> Schemas | None:
    return getattr(function, "query_schemas", None)


def _declare(attribute: str, value: Mapping, minimum: str, maximum: str | None) -> Callable:
    def declare(function: Callable) -> Callable:
        if not hasattr(function, attribute):
            setattr(function, attribute, Schemas())
        getattr(function, attribute).add(value, minimum, maximum)
        return function

    return declare
