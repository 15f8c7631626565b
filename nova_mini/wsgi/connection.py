"""A client's connection: a non-blocking socket that one thread at a time owns."""

from __future__ import annotations

import contextlib
import enum
import socket
import time
from dataclasses import dataclass

from nova_mini.wsgi import gateway, http_parser
from nova_mini.wsgi.http_parser import HttpRequest, ProtocolError, RequestParser

_READ = 16 * 1024
# Bytes of a response that the kernel buffers until the client can receive them. The rest is kept in
# this process, where it counts towards the listener's limit.
_KERNEL_BUFFER = 256 * 1024
# Bytes that are discarded of a refused request before the connection is closed.
_DISCARD_AT_MOST = 4 * 1024 * 1024
_DISCARD_SECONDS = 5.0


class Phase(enum.Enum):
    """The event that a connection waits for. The values are for log messages."""

    IDLE = "a request"
    HEAD = "the rest of a request's head"
    BODY = "the rest of a request's body"
    SENDING = "the client to read its response"
    DISCARDING = "the client to stop sending"


@dataclass(frozen=True)
class Timeouts:
    """Seconds that a connection may spend in a phase, even if the client sends or reads bytes."""

    idle: float
    head: float
    body: float
    sending: float

    def of(self, phase: Phase) -> float:
        return {
            Phase.IDLE: self.idle,
            Phase.HEAD: self.head,
            Phase.BODY: self.body,
            Phase.SENDING: self.sending,
            Phase.DISCARDING: _DISCARD_SECONDS,
        }[phase]


class Connection:
    """``parked``: the connection waits in epoll. Otherwise a thread owns it.

    Only that thread may call methods, except :meth:`interrupt`, which any thread may call.
    """

    def __init__(self, sock: socket.socket, peer: tuple, timeouts: Timeouts, max_body: int):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _KERNEL_BUFFER)
        self.fd = sock.fileno()
        self.peer = peer
        self.since = time.monotonic()  # monotonic time of accept() or of the last response
        self.deadline = self.since + timeouts.head
        self.parked = False
        self.registered = False  # with epoll
        self.expired = False
        self.counted = 0  # bytes that the listener counts for this connection
        self._socket = sock
        self._timeouts = timeouts
        self._parser = RequestParser(max_body)
        self._unsent = memoryview(b"")
        self._close_when_sent = False
        self._discarding = False
        self._discarded = 0
        self._error: ProtocolError | None = None
        # The first request of a new connection must come within the timeout of a head, not of an
        # idle connection.
        self.phase: Phase | None = Phase.HEAD

    @property
    def held(self) -> int:
        """Bytes of requests and responses that this connection keeps in memory."""
        return len(self._unsent) + self._parser.held

    @property
    def is_sending(self) -> bool:
        return len(self._unsent) > 0

    @property
    def has_request(self) -> bool:
        return bool(self._parser.requests)

    @property
    def is_ready(self) -> bool:
        """Whether there is work to do without more bytes from the client."""
        return self.has_request or self._error is not None

    def receive(self) -> bool:
        """Read what the client has sent. Returns False if the connection must be closed."""
        try:
            data = self._socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        if not data:
            return self._end_of_input()
        if self._discarding:
            self._discarded += len(data)
            return self._discarded <= _DISCARD_AT_MOST
        try:
            self._parser.feed(data)
        except ProtocolError as exc:
            self._error = exc
            return self.has_request or self.refuse()
        if self._parser.wants_continue:
            self._parser.wants_continue = False
            return self._send(gateway.CONTINUE)
        return True

    def take_request(self) -> HttpRequest:
        """The next complete request."""
        return self._parser.requests.popleft()

    def send_response(self, response: bytes, request: HttpRequest, keep_alive: bool) -> bool:
        """Send the response, or the part that the client can receive now. Returns False if the
        connection must be closed."""
        self.since = time.monotonic()
        self.phase = None  # so that the next phase gets a new deadline
        self._close_when_sent = not keep_alive
        self._discarding = not request.complete
        return self._send(response)

    def continue_sending(self) -> bool:
        """Send more of the response. Returns False if the connection must be closed."""
        unsent, self._unsent = self._unsent, memoryview(b"")
        return self._send(unsent)

    def refuse(self) -> bool:
        """Send the response to an invalid request, after the requests before it were served."""
        error, self._error = self._error, None
        if error is None:
            raise ValueError("the request is valid")
        return self._refuse(error.code, str(error))

    def enter_phase(self) -> None:
        """Set the deadline if the phase changes. Called before the connection is parked."""
        phase = self._next_phase()
        if phase is not self.phase:
            self.phase = phase
            self.deadline = time.monotonic() + self._timeouts.of(phase)

    def interrupt(self, expired: bool = False) -> None:
        """Shut the socket down, so that epoll wakes a thread, which closes the connection.

        May be called by any thread. ``expired``: the client was too slow. If no response is being
        sent, the direction to the client stays open for a 408.
        """
        self.expired = expired
        direction = socket.SHUT_RD if expired and not self.is_sending else socket.SHUT_RDWR
        with contextlib.suppress(OSError):  # the client has closed it already
            self._socket.shutdown(direction)

    def close(self) -> None:
        self._socket.close()

    def _next_phase(self) -> Phase:
        if self.is_sending:
            return Phase.SENDING
        if self._discarding:
            return Phase.DISCARDING
        parser_phase = self._parser.phase
        if parser_phase is http_parser.Phase.IDLE:
            # A new connection keeps the deadline of its first request.
            return Phase.IDLE if self.phase is not Phase.HEAD else Phase.HEAD
        return Phase.HEAD if parser_phase is http_parser.Phase.HEAD else Phase.BODY

    def _end_of_input(self) -> bool:
        """The client has closed the connection, or its time is up: then it gets a 408 if it has
        sent a part of a request."""
        is_incomplete = self.phase in (Phase.HEAD, Phase.BODY) and self._parser.phase is not (
            http_parser.Phase.IDLE
        )
        if self.expired and is_incomplete:
            self._refuse(408, "Request timeout: the request was not received in time.")
        return False

    def _refuse(self, code: int, message: str) -> bool:
        """Send an error response and discard the rest of the client's input."""
        self._close_when_sent = self._discarding = True
        self.phase = None
        return self._send(gateway.fault(code, message))

    def _send(self, data: bytes | memoryview) -> bool:
        try:
            sent = self._socket.send(data) if len(data) else 0
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return False
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            return True
        if not self._close_when_sent:
            return True
        if not self._discarding:
            return False
        # Do not close yet: closing a socket with unread input sends a reset, and the client could
        # lose the response.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        return True
