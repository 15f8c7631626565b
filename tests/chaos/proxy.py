"""An HTTP proxy for an external service that can be made to fail."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

UNAVAILABLE, HANG, DROP = "503", "hang", "drop"
MODES = (UNAVAILABLE, HANG, DROP)

_CHUNK = 256 * 1024
_SECONDS = 120
_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Proxy:
    """Forwards requests to ``target`` (an http URL) until :meth:`break_at` makes it fail.

    ``requests``: the number of requests so far. ``url``: the URL of the proxy, at ``address``.
    """

    def __init__(self, target: str, address: str = "127.0.0.1"):
        self._target = urlsplit(target)
        self._lock = threading.Lock()
        self._repaired = threading.Event()
        self._mode: str | None = None
        self._nth = 0
        self.requests = 0
        self.is_broken = False
        self._server = _Server((address, 0), _Handler)
        self._server.proxy = self
        self.url = f"http://{address}:{self._server.server_port}{self._target.path.rstrip('/')}"

    def break_at(self, nth: int, mode: str) -> None:
        """Fail from the ``nth`` request on (1: the next one), until :meth:`repair`.

        UNAVAILABLE: respond with 503. HANG: do not respond. DROP: forward only this request, and
        close the connection instead of responding.
        """
        with self._lock:
            self._repaired.clear()
            self._nth, self._mode, self.is_broken = self.requests + nth, mode, False

    def repair(self) -> None:
        with self._lock:
            self._mode = None
            self._repaired.set()

    def _fault(self) -> str | None:
        """The fault for the current request."""
        with self._lock:
            self.requests += 1
            if self._mode is None or self.requests < self._nth:
                return None
            if self._mode == DROP and self.is_broken:
                return None
            self.is_broken = True
            return self._mode

    @contextlib.contextmanager
    def running(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.repair()
            self._server.shutdown()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address) -> None:
        """Ignored: the client was killed, or a fault has closed the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        proxy = self.server.proxy
        fault = proxy._fault()
        if fault == HANG:
            proxy._repaired.wait(_SECONDS)
            return self._hang_up()
        if fault == UNAVAILABLE:
            for _ in self._body():
                continue  # a client reads the response only when it has sent everything
            return self._answer(503, [("Content-Type", "text/plain")], [b"out of order\n"], 13)
        return self._forward(drop=fault == DROP)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _forward(self, drop: bool) -> None:
        target = self.server.proxy._target
        line = http.client.HTTPConnection(target.hostname, target.port, timeout=_SECONDS)
        with contextlib.closing(line):
            try:
                response = self._ask(line)
            except OSError:
                return self._hang_up()  # the service is down
            if drop:
                response.read()
                return self._hang_up()
            length = response.getheader("Content-Length")
            headers = [
                pair for pair in response.getheaders() if pair[0].lower() not in _OF_ONE_CONNECTION
            ]
            parts = iter(lambda: response.read(_CHUNK), b"")
            return self._answer(response.status, headers, parts, length)

    def _ask(self, line: http.client.HTTPConnection) -> http.client.HTTPResponse:
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "keep-alive"):
                line.putheader(name, value)
        line.endheaders()
        for part in self._body():
            line.send(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        if chunked:
            line.send(b"0\r\n\r\n")
        return line.getresponse()

    def _body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            part = self.rfile.read(min(left, _CHUNK))
            left -= len(part)
            yield part

    def _answer(self, status: int, headers, parts, length) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        elif status not in (204, 304):
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        for part in parts:
            self.wfile.write(part)

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args) -> None:
        """Not needed: the daemons log their requests."""
