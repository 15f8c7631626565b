"""Bodies of requests as bytes: JSON that parsers treat differently, and invalid JSON."""

from __future__ import annotations

import json

from hypothesis import strategies as st

NUMBERS = [
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"9" * 5000,
    b"-" + b"9" * 5000,
    b"18446744073709551616",
    b"-9223372036854775809",
    b"1.0",
    b"-0",
    b"1e2",
    b"NaN",
    b"Infinity",
]
_STRINGS = [
    b'"\\u0000"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\\x"',
    b'"a\nb"',
    b'"\xf0\x9f\x98\x80"',
    b'"' + b"x" * 70000 + b'"',
]
_DEPTHS = [64, 65, 255, 900, 20000]
_NESTED = [b"[" * depth + b"]" * depth for depth in _DEPTHS]
_NESTED += [b'{"a":' * depth + b"1" + b"}" * depth for depth in _DEPTHS[:-1]]
_ODD_VALUES = st.sampled_from([*NUMBERS, *_STRINGS, *_NESTED])
_WHOLE = [
    b"",
    b" ",
    b"null",
    b"true",
    b"1",
    b'"x"',
    b"[]",
    b"[{}]",
    b"\xef\xbb\xbf{}",
    b"\0",
    b"{",
    b"{}{}",
    b"\xff",
    "{}".encode("utf-16"),
    b" " * 114688,
    b" " * 114689,
]
_PLACE = "\u2603place\u2603"


@st.composite
def odd_bodies(draw, values: st.SearchStrategy) -> bytes:
    """A body from ``values`` with one odd part, or an odd body."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(_WHOLE))
    body = draw(values)
    if isinstance(body, dict) and body:
        _mark_one(draw, body)
    whole = json.dumps(body).encode()
    place = json.dumps(_PLACE).encode()
    if place not in whole:
        return whole
    odd = draw(_ODD_VALUES)
    before, _, after = whole.partition(place)
    if draw(st.booleans()):
        return before + odd + after
    return before + b'1, "ram": ' + odd + after  # a key that may be there twice


def _mark_one(draw, value: dict) -> None:
    """Replace the value of one key, at any depth, by the mark for an odd value."""
    while True:
        key = draw(st.sampled_from(sorted(value)))
        inner = value[key]
        if isinstance(inner, dict) and inner and draw(st.booleans()):
            value = inner
            continue
        value[key] = _PLACE
        return
