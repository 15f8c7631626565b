"""Parses and writes the JSON of the API."""

from __future__ import annotations

from typing import Any

import orjson

from nova_mini import exception

# Maximum nesting of arrays and objects in a request's body. No schema needs as much. Deeper values
# could not be stored or sent as JSON later, because other libraries write JSON recursively.
MAX_DEPTH = 64


def dumps(value: Any) -> bytes:
    """JSON in UTF-8. Times are UTC without a time zone; they become ``2026-01-31T12:00:00Z``."""
    return orjson.dumps(
        value, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS
    )


def loads(body: bytes) -> Any:
    """Raises MalformedRequestBody if ``body`` is not JSON, is nested deeper than MAX_DEPTH, or
    contains NUL, which databases do not store."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise exception.MalformedRequestBody(reason=str(exc)) from exc
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise exception.MalformedRequestBody(reason=f"it has more than {MAX_DEPTH} levels")
    if b"\\u0000" in body and _has_nul(value):
        raise exception.MalformedRequestBody(reason="it contains the character NUL")
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether ``value`` has more than ``levels`` levels of lists and dictionaries."""
    level = [value]
    while level:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        containers = any(isinstance(item, (dict, list)) for item in level)
        if containers and levels == 0:
            return True
        levels -= containers
        level = inner
    return False


def _has_nul(value: Any) -> bool:
    items = [value]
    while items:
        item = items.pop()
        if isinstance(item, str) and "\0" in item:
            return True
        if isinstance(item, dict):
            items += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            items += item
    return False
