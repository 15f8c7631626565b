"""Bodies that parsers treat differently: each is accepted, or refused with 4xx."""

from __future__ import annotations

import io

import pytest
import webob

from nova_mini.api.openstack import serialization
from tests.unit.api.body_strategies import NUMBERS
from tests.unit.conftest import ADMIN

_LIMIT = 114688  # of oslo.middleware


def _flavor(value: bytes) -> bytes:
    return b'{"flavor": {"name": "n", "vcpus": 1, "disk": 1, "ram": ' + value + b"}}"


@pytest.mark.parametrize("number", [n for n in NUMBERS if n not in (b"1.0", b"1e2")])
def test_number_that_is_too_large_is_refused(api, number):
    assert api.post("/flavors", _flavor(number), token=ADMIN).status_int == 400


@pytest.mark.parametrize(
    "text",
    [b'"\\u0000"', b'"\\ud800"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"a\nb"', b'"\\x"'],
)
def test_invalid_unicode_is_refused(api, text):
    body = b'{"flavor": {"ram": 1, "vcpus": 1, "disk": 1, "name": ' + text + b"}}"
    assert api.post("/flavors", body, token=ADMIN).status_int == 400


def test_last_value_of_a_duplicate_key_is_used(api):
    """As in Nova."""
    response = api.post("/flavors", _flavor(b'"x", "ram": 128'), token=ADMIN)
    assert response.status_int == 200
    assert response.json["flavor"]["ram"] == 128


@pytest.mark.parametrize("wrapped", [b"[%b]", b'{"a": %b}'])
def test_nesting_limit(wrapped):
    body = b"1"
    for _ in range(serialization.MAX_DEPTH):
        body = wrapped % body
    serialization.dumps(serialization.loads(body))
    with pytest.raises(Exception, match="levels"):
        serialization.loads(wrapped % body)


def test_wide_body_is_not_deep():
    serialization.loads(b"[" + b"[]," * 1000 + b"{}]")


def test_deeply_nested_hints_are_refused(api):
    """The limit applies even where the schema accepts any value."""
    hints = b"[" * 300 + b"]" * 300
    body = (
        b'{"server": {"name": "x", "flavorRef": "1", "imageRef": "", "networks": "none"},'
        b' "os:scheduler_hints": {"different_host": %b}}' % hints
    )
    response = api.post("/servers", body, version="2.96")
    assert response.status_int == 400
    assert "levels" in response.json["badRequest"]["message"]


class _BrokenOff(io.BytesIO):
    """The body of a client that has disconnected, as some WSGI servers present it."""

    def read(self, *_):
        raise OSError("the client has gone")


def _send_chunked(api, body: io.BytesIO) -> webob.Response:
    """Like a WSGI server that passes a body of unknown length to the application."""
    req = webob.Request.blank("/v2.1/flavors", method="POST")
    req.headers.update({"X-Auth-Token": ADMIN, "Content-Type": "application/json"})
    req.environ |= {
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "HTTP_TRANSFER_ENCODING": "chunked",
    }
    return req.get_response(api._application)


def test_chunked_body(api):
    assert _send_chunked(api, io.BytesIO(_flavor(b"64"))).status_int == 200


def test_chunked_body_over_the_limit_is_413(api):
    response = _send_chunked(api, io.BytesIO(b" " * (_LIMIT + 1)))
    assert response.status_int == 413
    assert response.json["overLimit"]["code"] == 413


def test_incomplete_body_is_400(api):
    assert _send_chunked(api, _BrokenOff()).status_int == 400
