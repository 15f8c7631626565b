"""Bodies and query strings that Nova's schemas refuse are refused with 400, at each microversion at
which the schemas change."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest

from nova_mini.api.openstack.api_version import MAX_VERSION
from tests.conformance import declared, differences
from tests.conformance.declared import Operation, Version, text

NEWEST: Version = (MAX_VERSION.major, MAX_VERSION.minor)
OPERATIONS = declared.load().operations if declared.FILE in os.environ else ()
WRITES = [each for each in OPERATIONS if each.method in ("POST", "PUT") and each.requests]
WITH_QUERY = [each for each in OPERATIONS if each.method == "GET" and each.queries]
WRONG_VALUES = (None, [], {}, "", "x" * 300, 12, -1, True, [1], {"unknown": 1})


@pytest.mark.parametrize("operation", WRITES, ids=str)
def test_bodies(world, operation: Operation):
    if (reason := differences.BODIES.get(str(operation))) is not None:
        pytest.skip(reason)
    found: dict[str, list[str]] = {}
    for version in operation.boundaries(NEWEST):
        schema = operation.request(version)
        for body in _bodies(operation, schema) if schema else ():
            if not declared.is_invalid(schema, body):
                continue
            path = world.path(operation, version)
            status = world.send(operation.method, path, version, body).status_code
            if status != 400:
                found.setdefault(f"{status} for {body!r:.150}", []).append(text(version))
    assert not found, "\n".join(f"{fault} ({', '.join(at)})" for fault, at in found.items())


@pytest.mark.parametrize("operation", WITH_QUERY, ids=str)
def test_queries(world, operation: Operation):
    if (reason := differences.QUERIES.get(str(operation))) is not None:
        pytest.skip(reason)
    found: dict[str, list[str]] = {}
    for version in operation.boundaries(NEWEST):
        schema = operation.query(version)
        for key, value in _parameters(schema) if schema else ():
            is_refused = bool(declared.is_invalid(schema, {key: [value]}))
            path = f"{world.path(operation, version)}?{key}={value}"
            status = world.send("GET", path, version).status_code
            is_wrong = status != 400 if is_refused else key == "unknown" and status == 400
            # A known token of a console is refused before 2.31 in any case.
            if is_wrong and status not in (403, 404, 501) and "tokens" not in operation.path:
                found.setdefault(f"{status} for ?{key}={value}", []).append(text(version))
    assert not found, "\n".join(f"{fault} ({', '.join(at)})" for fault, at in found.items())


def _bodies(operation: Operation, schema: dict) -> Iterator[Any]:
    """Documents near the valid ones. Many of them are valid, too."""
    yield from ([], "text", {}, {"unknown": 1})
    names = [operation.action] if operation.action else sorted(schema.get("properties", {}))
    for name in names:
        yield from ({name: value} for value in WRONG_VALUES)
        fields = schema.get("properties", {}).get(name, {}).get("properties", {})
        for field, value in itertools.product(sorted(fields), WRONG_VALUES):
            yield {name: {field: value}}


def _parameters(schema: dict) -> Iterator[tuple[str, str]]:
    yield "unknown", "1"
    for name in sorted(schema.get("properties", {})):
        if name not in ("all_tenants", "deleted"):
            yield from ((name, "1"), (name, "-1"), (name, "x"))
