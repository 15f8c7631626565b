"""What the released Nova declares, as ``reference.py`` has printed it."""

from __future__ import annotations

import functools
import ipaddress
import json
import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema

Version = tuple[int, int]
Range = tuple[Version, Version]

FILE = "NOVA_MINI_REFERENCE"  # the variable with the path of the file
_FIRST, _LAST = (2, 1), (2, 10**6)
# What any request may be answered with, whatever its method declares.
ALWAYS_DOCUMENTED = frozenset({400, 401, 403, 406, 413, 415})

_FORMATS = jsonschema.FormatChecker()


@dataclass(frozen=True)
class Operation:
    """A method of a route, or an action of it."""

    path: str
    method: str
    action: str | None
    versions: Range
    is_removed: bool
    requests: tuple[tuple[Range, dict], ...]
    queries: tuple[tuple[Range, dict], ...]
    responses: tuple[tuple[Range, dict], ...]
    errors: tuple[tuple[Range, frozenset[int]], ...]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.method, self.path, self.action)))

    def exists_at(self, version: Version) -> bool:
        return not self.is_removed and _is_in(version, self.versions)

    def request(self, version: Version) -> dict | None:
        return _at(version, self.requests)

    def query(self, version: Version) -> dict | None:
        return _at(version, self.queries)

    def response(self, version: Version) -> dict | None:
        return _at(version, self.responses)

    def documents(self, status: int, version: Version) -> bool:
        """Whether the error code is one that the operation declares."""
        declared = (codes for limits, codes in self.errors if _is_in(version, limits))
        return status in ALWAYS_DOCUMENTED.union(*declared)

    def boundaries(self, newest: Version) -> list[Version]:
        """The versions at which something of it changes, the first and the last one."""
        rows = [*self.requests, *self.queries, *self.responses, *self.errors]
        firsts = {limits[0] for limits, _ in rows}
        ends = {(limits[1][0], limits[1][1] + 1) for limits, _ in rows if limits[1] != _LAST}
        found = {_FIRST, newest, self.versions[0], *firsts, *ends}
        return sorted(each for each in found if _FIRST <= each <= newest and self.exists_at(each))


@dataclass(frozen=True)
class Reference:
    release: str
    newest: Version
    operations: tuple[Operation, ...]

    def find(self, method: str, path: str, action: str | None = None) -> Operation:
        (found,) = (
            each
            for each in self.operations
            if (each.method, each.path, each.action) == (method, path, action)
        )
        return found


@functools.cache
def load() -> Reference:
    document = json.loads(pathlib.Path(os.environ[FILE]).read_text())
    return Reference(
        document["release"],
        _version(document["max_version"]),
        tuple(_operation(row) for row in document["rows"]),
    )


def faults(schema: dict, instance: Any) -> list[str]:
    """What is wrong with a JSON document, in words. Empty if it is valid."""
    validator = jsonschema.Draft202012Validator(schema, format_checker=_FORMATS)
    return [
        f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(instance)
    ]


def is_invalid(schema: dict, instance: Any) -> bool:
    """Whether a document is invalid, whatever is said of formats: Nova has checkers of its own."""
    return not jsonschema.Draft202012Validator(schema).is_valid(instance)


@_FORMATS.checks("cidr", ValueError)
def _is_cidr(value: object) -> bool:
    return not isinstance(value, str) or bool(ipaddress.ip_network(value))


def text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def _operation(row: dict) -> Operation:
    def ranges(kind: str) -> Iterator[tuple[Range, Any]]:
        return ((_range(first, last), content) for content, first, last in row[kind])

    return Operation(
        path=row["path"],
        method=row["method"],
        action=row.get("action"),
        versions=_range(row["min_version"], row["max_version"]),
        is_removed=row["is_removed"],
        requests=tuple(ranges("requests")),
        queries=tuple(ranges("queries")),
        responses=tuple(ranges("responses")),
        errors=tuple((limits, frozenset(codes)) for limits, codes in ranges("errors")),
    )


def _range(first: str | None, last: str | None) -> Range:
    return _version(first) if first else _FIRST, _version(last) if last else _LAST


def _version(written: str) -> Version:
    major, minor = written.split(".")
    return int(major), int(minor)


def _is_in(version: Version, limits: Range) -> bool:
    return limits[0] <= version <= limits[1]


def _at(version: Version, rows: tuple[tuple[Range, dict], ...]) -> dict | None:
    return next((content for limits, content in rows if _is_in(version, limits)), None)
