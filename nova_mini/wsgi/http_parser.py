"""Parses the HTTP/1 requests of one connection with llhttp (``httptools``), within limits."""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field

import httptools

# Maximum bytes of a URL, and of all headers with the request line. Tokens may be long.
MAX_LINE = 8190
MAX_HEAD = 32 * 1024
MAX_HEADERS = 100
# A body with its chunk sizes and trailers may have up to
# _FRAMING_BYTES + _FRAMING_FACTOR * max_body bytes.
_FRAMING_BYTES = 64 * 1024
_FRAMING_FACTOR = 8
_VERSIONS = ("1.0", "1.1")


class Phase(enum.Enum):
    """The input that the parser waits for."""

    IDLE = "the first byte of a request"
    HEAD = "the rest of the head"
    BODY = "the rest of the body"


class ProtocolError(Exception):
    """The input is not a valid request. ``code``: the status of the response."""

    def __init__(self, message: str, code: int = 400):
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class HttpRequest:
    """One request, with its body in memory.

    ``complete`` is False if the body is over the limit. Then ``body`` is its beginning or empty,
    and no other request can be read from the connection.
    """

    method: str = ""
    target: bytes = b""
    version: str = "1.1"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    chunked: bool = False
    keep_alive: bool = False
    complete: bool = True


class RequestParser:
    """Pass the client's input to :meth:`feed`, and take complete requests from ``requests``."""

    def __init__(self, max_body: int):
        """``max_body``: maximum bytes of a body. A longer body is cut off."""
        self.requests: deque[HttpRequest] = deque()
        self.phase = Phase.IDLE
        self.wants_continue = False
        self._max_body = max_body
        self._parser = httptools.HttpRequestParser(self)
        self._current = HttpRequest()
        self._received = 0  # bytes of the current head, or of the current body with its framing
        self._head_size = 0
        self._error: ProtocolError | None = None
        self._ended = False

    @property
    def held(self) -> int:
        """Bytes of bodies in memory."""
        return len(self._current.body) + sum(len(each.body) for each in self.requests)

    def feed(self, data: bytes) -> None:
        """Raises ProtocolError for invalid input; requests before it are still in ``requests``."""
        if self._ended:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Upgrades are not supported: serve the request, then close the connection.
            self._end_after_upgrade()
        except httptools.HttpParserError as exc:
            if not self._ended:
                self._ended = True
                raise self._error or ProtocolError(f"Invalid HTTP request: {exc}") from exc
        if self._error:
            self._ended = True
            raise self._error
        self._count(len(data))

    def _end_after_upgrade(self) -> None:
        self._ended = True
        last = self.requests[-1] if self.requests else None
        if last is None:
            return
        last.keep_alive = False
        if last.chunked or _value(last, b"content-length") not in (None, b"0"):
            self.requests.pop()
            raise ProtocolError("A request with a body cannot upgrade the protocol.")

    def _count(self, size: int) -> None:
        """Enforce the limits of unfinished input, which llhttp would buffer without limit."""
        self._received = self._received + size if self.phase is not Phase.IDLE else 0
        if self.phase is Phase.HEAD and self._received > MAX_HEAD:
            self._ended = True
            raise ProtocolError("Request headers are too large.", 431)
        if self.phase is Phase.BODY and self._received > (
            _FRAMING_BYTES + _FRAMING_FACTOR * self._max_body
        ):
            self._ended = True
            raise ProtocolError("The chunks of the request body are too small.")

    # -- callbacks of llhttp: it would wrap exceptions, so errors are kept in self._error --------

    def on_message_begin(self) -> None:
        self._current = HttpRequest()
        self._received = self._head_size = 0
        self.phase = Phase.HEAD

    def on_url(self, url: bytes) -> None:
        self._current.target += url
        if len(self._current.target) > MAX_LINE:
            self._refuse("The URL is too long.", 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase is not Phase.HEAD:
            return  # a trailer, which must not change what was decided from the headers
        self._current.headers.append((name, value))
        self._head_size += len(name) + len(value)
        if len(self._current.headers) > MAX_HEADERS or self._head_size > MAX_HEAD:
            self._refuse("Request headers are too large.", 431)

    def on_headers_complete(self) -> None:
        request = self._current
        request.method = self._parser.get_method().decode("ascii")
        request.version = self._parser.get_http_version()
        if request.version not in _VERSIONS:
            self._refuse(f"HTTP/{request.version} is not supported.")
        coding = _value(request, b"transfer-encoding")
        request.chunked = coding is not None
        if coding is not None and (coding.lower() != b"chunked" or request.version != "1.1"):
            self._refuse("Only the transfer coding chunked is supported, and only in HTTP/1.1.")
        self.phase = Phase.BODY
        self._received = 0
        if int(_value(request, b"content-length") or 0) > self._max_body:
            self._cut_off()
        elif request.version == "1.1":
            expected = _value(request, b"expect") or b""
            self.wants_continue = expected.lower() == b"100-continue"

    def on_body(self, data: bytes) -> None:
        if not self._ended:
            self._current.body += data
            if len(self._current.body) > self._max_body:
                self._cut_off()

    def on_message_complete(self) -> None:
        if self._ended or self._error:
            return
        self.phase = Phase.IDLE
        self.wants_continue = False
        self._current.keep_alive = self._parser.should_keep_alive()
        self._ended = not self._current.keep_alive
        self.requests.append(self._current)
        self._current = HttpRequest()

    def _refuse(self, message: str, code: int = 400) -> None:
        self._error = self._error or ProtocolError(message, code)

    def _cut_off(self) -> None:
        """Stop reading a body that is over the limit. The application gets the request as it is and
        responds with 413."""
        if self._error:
            return
        self._current.complete = False
        self._ended = True
        self.phase = Phase.IDLE
        self.requests.append(self._current)
        self._current = HttpRequest()


def _value(request: HttpRequest, header: bytes) -> bytes | None:
    for name, value in request.headers:
        if name.lower() == header:
            return value.strip()
    return None
