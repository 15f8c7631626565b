"""The HTTP parser: limits, and input that parsers could interpret differently."""

from __future__ import annotations

import pytest

from nova_mini.wsgi import http_parser
from nova_mini.wsgi.http_parser import Phase, ProtocolError, RequestParser

_LIMIT = 100


def _parse(*pieces: bytes):
    parser = RequestParser(_LIMIT)
    for piece in pieces:
        parser.feed(piece)
    return list(parser.requests)


def _post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST /x HTTP/1.1", b"Host: h", *headers, b"", body])


def test_request_in_single_bytes():
    whole = _post(b"Content-Length: 3", body=b"abc")
    (request,) = _parse(*(bytes([each]) for each in whole))
    assert (request.method, request.target, bytes(request.body)) == ("POST", b"/x", b"abc")
    assert request.complete and request.keep_alive and not request.chunked
    assert request.headers == [(b"Host", b"h"), (b"Content-Length", b"3")]


def test_parser_phases():
    parser = RequestParser(_LIMIT)
    assert parser.phase is Phase.IDLE
    parser.feed(b"P")
    assert parser.phase is Phase.HEAD
    parser.feed(_post(b"Content-Length: 3")[1:])
    assert parser.phase is Phase.BODY
    parser.feed(b"abc")
    assert parser.phase is Phase.IDLE


def test_pipelined_requests():
    first, second = _parse(_post(b"Content-Length: 1", body=b"a") + b"GET /b HTTP/1.0\r\n\r\n")
    assert first.keep_alive and first.target == b"/x"
    assert not second.keep_alive and second.target == b"/b"


def test_chunked_body_with_trailers():
    body = b"2\r\nab\r\n1;extension=1\r\nc\r\n0\r\nX-Auth-Token: other\r\n\r\n"
    (request,) = _parse(_post(b"Transfer-Encoding: chunked", body=body))
    assert bytes(request.body) == b"abc" and request.chunked
    assert (b"X-Auth-Token", b"other") not in request.headers


@pytest.mark.parametrize(
    "request_bytes",
    [
        _post(b"Content-Length: 101"),
        _post(b"Content-Length: 101", body=b"a" * 101),
        _post(b"Transfer-Encoding: chunked", body=b"65\r\n" + b"a" * 101),
        _post(b"Transfer-Encoding: chunked", body=b"3c\r\n%b\r\n3c\r\n%b" % (b"a" * 60, b"b" * 60)),
    ],
    ids=["announced", "sent", "one-chunk", "two-chunks"],
)
def test_body_over_the_limit_is_cut_off(request_bytes):
    (request,) = _parse(request_bytes, b"GET /smuggled HTTP/1.1\r\n\r\n")
    assert not request.complete and not request.keep_alive
    assert len(request.body) < 2 * _LIMIT


def test_body_of_the_maximum_size():
    (request,) = _parse(_post(b"Content-Length: 100", body=b"a" * 100))
    assert request.complete


@pytest.mark.parametrize(
    "head",
    [
        _post(b"Content-Length: 3", b"Transfer-Encoding: chunked"),
        _post(b"Transfer-Encoding: chunked", b"Content-Length: 3"),
        _post(b"Content-Length: 3", b"Content-Length: 4"),
        _post(b"Content-Length: -1"),
        _post(b"Content-Length: +1"),
        _post(b"Content-Length: 0x1"),
        _post(b"Content-Length: 99999999999999999999999"),
        _post(b"Transfer-Encoding: gzip, chunked"),
        _post(b"Transfer-Encoding: identity"),
        _post(b"Transfer-Encoding : chunked"),
        _post(b"Transfer-Encoding: chunked", body=b"zz\r\n"),
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        _post(b"Upgrade: h2c", b"Connection: Upgrade", b"Content-Length: 3", body=b"abc"),
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_invalid_heads_are_refused(head):
    with pytest.raises(ProtocolError) as raised:
        _parse(head)
    assert raised.value.code == 400


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([b"GET /" + b"x" * http_parser.MAX_LINE], 414),
        ([b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 102], 431),
        ([b"GET / HTTP/1.1\r\nA: ", *[b"b" * 1000] * 40], 431),
        ([b"GET / HTTP/1.1\r\nA: " + b"b" * 40000 + b"\r\n\r\n"], 431),
        ([_post(b"Transfer-Encoding: chunked", body=b"0\r\nA: "), *[b"b" * 1000] * 80], 400),
    ],
    ids=["line", "count", "endless", "size", "trailer"],
)
def test_limits_of_headers_and_framing(pieces, code):
    with pytest.raises(ProtocolError) as raised:
        _parse(*pieces)
    assert raised.value.code == code


def test_upgrade_request_is_served_without_upgrade():
    upgrade = b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    (request,) = _parse(upgrade, b"more")
    assert request.complete and not request.keep_alive


def test_requests_before_an_error_are_kept():
    parser = RequestParser(_LIMIT)
    with pytest.raises(ProtocolError):
        parser.feed(_post() + b"BREW / HTTP/1.1\r\n\r\n")
    assert len(parser.requests) == 1
