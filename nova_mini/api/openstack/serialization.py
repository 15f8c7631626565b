"""JSON in and out of the API."""

from __future__ import annotations

from typing import Any

import orjson

from nova_mini import exception


def dumps(value: Any) -> bytes:
    """JSON in UTF-8; times (UTC without zone, as everywhere) as ``2026-01-31T12:00:00Z``."""
    return orjson.dumps(
        value, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS
    )


def loads(body: bytes) -> Any:
    """Raises MalformedRequestBody for what is no JSON, and for NUL, which no database takes."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise exception.MalformedRequestBody(reason=str(exc)) from exc
    if b"\\u0000" in body and _has_nul(value):
        raise exception.MalformedRequestBody(reason="it holds the character NUL")
    return value


def _has_nul(value: Any) -> bool:
    found = [value]
    while found:
        item = found.pop()
        if isinstance(item, str) and "\0" in item:
            return True
        if isinstance(item, dict):
            found += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            found += item
    return False
