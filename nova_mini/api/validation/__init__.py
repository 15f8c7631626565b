"""JSON Schemas for bodies and queries: declared on a method, compiled once, checked before it runs.

Several declarations on one method are for ranges of microversions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
from webob.multidict import MultiDict

from nova_mini import exception
from nova_mini.api.openstack import api_version
from nova_mini.api.validation.formats import FORMAT_CHECKER
from nova_mini.api.validation.messages import explain


class Schemas:
    """The compiled schemas of one method."""

    def __init__(self):
        self.ranges: list[tuple] = []

    def add(self, schema: Mapping, minimum: str, maximum: str | None) -> None:
        first = api_version.parse(minimum)
        last = api_version.parse(maximum) if maximum else api_version.MAX_VERSION
        validator = jsonschema.Draft4Validator(schema, format_checker=FORMAT_CHECKER)
        self.ranges.append((first, last, validator))

    def at(self, version: api_version.APIVersion) -> jsonschema.Draft4Validator:
        for first, last, validator in self.ranges:
            if first <= version <= last:
                return validator
        raise LookupError(f"No schema is declared for version {version}.")

    def validate(self, value: Any, version: api_version.APIVersion) -> None:
        """Raises ValidationError with a sentence that says what to change."""
        validator = self.at(version)
        try:
            if validator.is_valid(value):
                return
            reason = explain(validator.iter_errors(value))
        except RecursionError:
            reason = "The body is nested too deep."
        raise exception.ValidationError(detail=reason)

    def validate_query(self, query: MultiDict, version: api_version.APIVersion) -> None:
        """The same for a query string, where each name has a list of values."""
        if query:
            self.validate({name: query.getall(name) for name in query}, version)


def schema(body: Mapping, minimum: str = "2.1", maximum: str | None = None) -> Callable:
    """Decorator: the method takes a body, which must match."""
    return _declare("body_schemas", body, minimum, maximum)


def query_schema(query: Mapping, minimum: str = "2.1", maximum: str | None = None) -> Callable:
    """Decorator: the query string must match. See ``parameter_types.query_params``."""
    return _declare("query_schemas", query, minimum, maximum)


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
