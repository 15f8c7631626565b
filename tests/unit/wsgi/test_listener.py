"""A listener and its clients, in this process."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
import time

import pytest

from nova_mini.wsgi import listener as listeners
from nova_mini.wsgi.connection import Timeouts
from nova_mini.wsgi.listener import Limits, Listener

_BODY_LIMIT = 1000
_LARGE = 20_000_000
_TIMEOUT = 10


class _App:
    """Responds with the body of the request; some paths have another effect."""

    def __init__(self):
        self.let_go = threading.Event()
        self.environs = []

    def __call__(self, environ, start_response):
        self.environs.append(environ)
        path = environ["PATH_INFO"]
        if path == "/wait":
            self.let_go.wait(_TIMEOUT)
        if path == "/broken":
            raise RuntimeError("broken")
        body = b"x" * _LARGE if path == "/large" else environ["wsgi.input"].read()
        start_response("200 OK", [("X-Split", "a\r\nb")] if path == "/split" else [])
        return [body]


@pytest.fixture
def serve():
    """``serve(**limits)`` starts a listener, which is stopped after the test."""
    running = []

    def start(threads=2, connections=100, **timeouts):
        sock = socket.create_server(("127.0.0.1", 0))
        seconds = {"idle": 30, "head": 30, "body": 30, "sending": 30} | timeouts
        app = _App()
        one = Listener(sock, app, threads, Limits(connections, _BODY_LIMIT, Timeouts(**seconds)))
        one.start()
        running.append((one, app, sock))
        return one, app, sock.getsockname()

    yield start
    for one, app, sock in running:
        app.let_go.set()
        one.stop()
        sock.close()


def _connect(address) -> socket.socket:
    return socket.create_connection(address, timeout=_TIMEOUT)


def _read_all(line: socket.socket) -> bytes:
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while data := line.recv(65536):
            received += data
    return bytes(received)


def _ask(address, data: bytes) -> bytes:
    with _connect(address) as line:
        line.sendall(data)
        return _read_all(line)


def test_request_in_pieces(serve):
    _, app, address = serve()
    with _connect(address) as line:
        for piece in (b"POST /a%20b?c=d HT", b"TP/1.0\r\nContent-", b"Length: 3\r\n\r\na", b"bc"):
            line.sendall(piece)
            time.sleep(0.02)
        response = _read_all(line)
    assert response.startswith(b"HTTP/1.1 200 OK\r\n") and response.endswith(b"\r\n\r\nabc")
    (environ,) = app.environs
    assert environ["PATH_INFO"] == "/a b" and environ["QUERY_STRING"] == "c=d"


def test_pipelined_requests_are_answered_in_order(serve):
    _, app, address = serve()
    many = b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(50))
    response = _ask(address, many + b"GET /end HTTP/1.0\r\n\r\n")
    assert response.count(b"HTTP/1.1 200 OK") == 51
    assert [each["PATH_INFO"] for each in app.environs] == [f"/{n}" for n in range(50)] + ["/end"]


def test_invalid_request_is_answered_after_earlier_requests(serve):
    _, _, address = serve()
    response = _ask(address, b"GET / HTTP/1.1\r\n\r\nBREW / HTTP/1.1\r\n\r\n")
    assert response.index(b"HTTP/1.1 200") < response.index(b"HTTP/1.1 400")
    assert b'"badRequest"' in response


def test_header_with_underscore_is_ignored(serve):
    _, app, address = serve()
    _ask(address, b"GET / HTTP/1.0\r\nX_User_Id: forged\r\nX-Other: a\r\nX-Other: b\r\n\r\n")
    assert "HTTP_X_USER_ID" not in app.environs[0]
    assert app.environs[0]["HTTP_X_OTHER"] == "a,b"


def test_chunked_body_is_decoded(serve):
    _, app, address = serve()
    head = b"POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert _ask(address, head + b"3\r\nabc\r\n0\r\n\r\n").endswith(b"abc")
    assert app.environs[0]["CONTENT_LENGTH"] == "3"
    assert "HTTP_TRANSFER_ENCODING" not in app.environs[0]


def test_expect_100_continue(serve):
    _, _, address = serve()
    with _connect(address) as line:
        line.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"abc")
        assert line.recv(1000).endswith(b"abc")


@pytest.mark.parametrize("length", [b"Content-Length: 3000000", b"Transfer-Encoding: chunked"])
def test_client_that_sends_a_too_large_body_gets_the_response(serve, length):
    """The application gets the length, and the client gets the response."""
    _, app, address = serve()
    body = b"a" * 3_000_000
    if b"chunked" in length:
        body = b"2dc6c0\r\n" + body + b"\r\n0\r\n\r\n"
    response = _ask(address, b"POST / HTTP/1.1\r\n" + length + b"\r\n\r\n" + body)
    assert response.startswith(b"HTTP/1.1 200") and b"Connection: close" in response
    assert int(app.environs[0]["CONTENT_LENGTH"]) > _BODY_LIMIT


@pytest.mark.parametrize("path", [b"/broken", b"/split"])
def test_application_error_is_500(serve, path):
    _, _, address = serve()
    response = _ask(address, b"GET " + path + b" HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 500") and b"RuntimeError" not in response
    assert b"\r\nb" not in response


def test_large_response_and_head_request(serve):
    _, _, address = serve()
    assert len(_ask(address, b"GET /large HTTP/1.0\r\n\r\n")) > _LARGE
    assert len(_ask(address, b"HEAD /large HTTP/1.0\r\n\r\n")) < 1000


def _sweep(one: Listener, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        one.sweep()
        time.sleep(0.02)


def _sweep_until_empty(one: Listener) -> None:
    until = time.monotonic() + _TIMEOUT
    while not one.is_empty:
        assert time.monotonic() < until
        _sweep(one, 0.05)


@pytest.mark.parametrize(
    ("sent", "timeout"),
    [
        (b"GET / HTTP/1.1\r\nA: ", "head"),
        (b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n", "body"),
    ],
)
def test_slow_request_is_408(serve, sent, timeout):
    one, _, address = serve(**{timeout: 0.3})
    with _connect(address) as line:
        line.sendall(sent)
        for _ in range(4):
            _sweep(one, 0.05)
            line.sendall(b"a")
        _sweep(one, 0.4)
        assert _read_all(line).startswith(b"HTTP/1.1 408")
    _sweep_until_empty(one)


def test_idle_connections_are_closed(serve):
    one, _, address = serve(head=0.2, idle=0.2)
    with _connect(address) as silent, _connect(address) as kept:
        kept.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert kept.recv(1000).startswith(b"HTTP/1.1 200")
        _sweep(one, 0.5)
        assert silent.recv(1) == kept.recv(1) == b""
    _sweep_until_empty(one)


def test_client_that_does_not_read_is_disconnected(serve):
    one, _, address = serve(sending=0.3)
    with _connect(address) as line:
        line.sendall(b"GET /large HTTP/1.1\r\n\r\n")
        assert line.recv(1)
        _sweep_until_empty(one)
        assert len(_read_all(line)) < _LARGE


def test_oldest_waiting_connection_is_closed_at_the_limit(serve):
    one, _, address = serve(connections=5)
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(_connect(address)) for _ in range(5)]
        time.sleep(0.1)
        newest = stack.enter_context(_connect(address))
        newest.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert newest.recv(1000).startswith(b"HTTP/1.1 200")
        assert lines[0].recv(1) == b""
        lines[4].sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert lines[4].recv(1000).startswith(b"HTTP/1.1 200")


def test_memory_limit_closes_connections_that_wait_to_send(serve, monkeypatch):
    """The connection that has been waiting longest to send its response is closed."""
    monkeypatch.setattr(listeners, "_HELD_AT_MOST", 2.5 * _LARGE)
    _, _, address = serve()
    with contextlib.ExitStack() as stack:
        lines = []
        for _ in range(4):
            lines.append(stack.enter_context(_connect(address)))
            lines[-1].sendall(b"GET /large HTTP/1.0\r\n\r\n")
            assert lines[-1].recv(1)
            time.sleep(0.1)
        sizes = [len(_read_all(line)) for line in lines]
    assert [size > _LARGE for size in sizes] == [False, False, True, True]


def test_stopped_listener_refuses_connections(serve):
    one, _, address = serve()
    one.stop()
    with pytest.raises(ConnectionError):
        _ask(address, b"GET / HTTP/1.0\r\n\r\n")


def test_connection_is_closed_without_file_descriptors(serve):
    one, _, address = serve()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        oldest = stack.enter_context(_connect(address))
        oldest.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert oldest.recv(1000).startswith(b"HTTP/1.1 200")
        newest = stack.enter_context(socket.socket())
        highest = max(int(each) for each in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for free in _free_descriptors():
            stack.callback(os.close, free)
        newest.settimeout(_TIMEOUT)
        newest.connect(address)
        newest.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert newest.recv(1000).startswith(b"HTTP/1.1 200")
        assert oldest.recv(1) == b""


def _free_descriptors() -> list[int]:
    """Use up all free file descriptors and return them."""
    taken = []
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.dup(0))
    return taken


def test_stopped_listener_finishes_requests(serve):
    one, app, address = serve()
    with _connect(address) as line, _connect(address) as idle:
        line.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        time.sleep(0.1)
        one.stop()
        _sweep(one, 1.3)
        assert idle.recv(1) == b"" and not one.is_empty
        app.let_go.set()
        response = _read_all(line)
    assert response.startswith(b"HTTP/1.1 200") and b"Connection: close" in response
    _sweep_until_empty(one)


@pytest.mark.parametrize("target", [b"*", b"a", b"?x", b"mailto:x"])
def test_request_target_without_path_is_400(serve, target):
    _, app, address = serve()
    response = _ask(address, b"OPTIONS " + target + b" HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 400")
    assert not app.environs


def test_request_target_with_host(serve):
    _, app, address = serve()
    _ask(address, b"GET http://other/a?b=c#d HTTP/1.0\r\n\r\n")
    assert app.environs[0]["PATH_INFO"] == "/a" and app.environs[0]["QUERY_STRING"] == "b=c"


@pytest.mark.parametrize("length", [b"2", b"4"])
def test_wrong_content_length(serve, length):
    """Extra bytes are another, invalid request. Missing bytes never come."""
    _, _, address = serve()
    with _connect(address) as line:
        line.sendall(b"POST / HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\nabc")
        line.shutdown(socket.SHUT_WR)
        response = _read_all(line)
    statuses = [part[:3] for part in response.split(b"HTTP/1.1 ")[1:]]
    assert statuses == ([b"200", b"400"] if length == b"2" else [])
