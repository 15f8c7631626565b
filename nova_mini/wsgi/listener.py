"""A listener: one listening socket, its connections, and the threads that serve them.

A connection waits in epoll, armed for one event (EPOLLONESHOT). The thread that gets the event owns
the connection until it is armed again. A client that is idle, slow to send or slow to read occupies
no thread: threads serve complete requests only, and a response that the client does not read waits
in memory. Each phase of a connection has a deadline. The number of connections and their memory are
limited; at the limit, the connection that has been waiting longest is closed, so that a new client
can always connect.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from nova_mini.wsgi.connection import Connection, Phase, Timeouts
from nova_mini.wsgi.gateway import Gateway

LOG = logging.getLogger(__name__)

_ACCEPT_AT_ONCE = 16
# Maximum bytes of requests and responses that one listener keeps in memory.
_HELD_AT_MOST = 64 * 1024 * 1024
# Seconds after stop() for which a listener still reads requests from open connections.
_LINGER = 1.0
_NO_DESCRIPTORS_PAUSE = 0.05  # seconds to wait when the process has no file descriptor left


@dataclass(frozen=True)
class Limits:
    """``connections``: maximum number; ``body``: maximum bytes of a request's body."""

    connections: int
    body: int
    timeouts: Timeouts


class Listener:
    """Serves one listening socket with ``threads`` threads."""

    def __init__(self, sock: socket.socket, application: Callable, threads: int, limits: Limits):
        sock.setblocking(False)
        self._socket = sock
        self._fd = sock.fileno()
        self._gateway = Gateway(application, sock.getsockname())
        self._limits = limits
        self._threads = threads
        self._connections: dict[int, Connection] = {}
        self._epoll = select.epoll()
        self._lock = threading.Lock()
        self._held = 0
        self._stopping_since: float | None = None

    def start(self) -> None:
        self._epoll.register(self._socket, select.EPOLLIN | select.EPOLLONESHOT)
        port = self._socket.getsockname()[1]
        for number in range(self._threads):
            threading.Thread(target=self._serve, name=f"http-{port}-{number}", daemon=True).start()

    def stop(self) -> None:
        """Stop accepting connections. Open connections are served until :attr:`is_empty`.

        The socket is closed at once, so that the kernel gives no new connection to this process.
        """
        self._stopping_since = time.monotonic()
        # Closing alone would not remove the socket from epoll: other processes have it open, too.
        with contextlib.suppress(OSError):
            self._epoll.unregister(self._fd)
        self._socket.close()

    @property
    def is_empty(self) -> bool:
        return not self._connections

    def sweep(self) -> None:
        """Interrupt each connection whose deadline has passed. Called about once a second."""
        now = time.monotonic()
        for connection in list(self._connections.values()):
            if connection.parked and now > self._deadline(connection):
                self._interrupt(connection, expired=True)

    def _deadline(self, connection: Connection) -> float:
        if self._stopping_since is not None and connection.phase in (Phase.IDLE, Phase.HEAD):
            return min(connection.deadline, self._stopping_since + _LINGER)
        return connection.deadline

    # -- worker threads --------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            for fd, _event in self._epoll.poll(maxevents=1):
                try:
                    if fd == self._fd:
                        self._accept()
                    else:
                        self._continue(self._connections[fd])
                except Exception:
                    LOG.exception("Connection could not be served")

    def _accept(self) -> None:
        """Accept some new connections, serve the first and park the others."""
        accepted = self._accept_some()
        if self._stopping_since is None:
            with contextlib.suppress(OSError):  # stopped concurrently
                self._epoll.modify(self._fd, select.EPOLLIN | select.EPOLLONESHOT)
        connections = [self._connection(sock, peer) for sock, peer in accepted]
        for connection in connections[1:]:
            self._park(connection)
        if connections:
            self._continue(connections[0])  # most clients have already sent a request

    def _accept_some(self) -> list[tuple[socket.socket, tuple]]:
        accepted = []
        try:
            for _ in range(_ACCEPT_AT_ONCE):
                accepted.append(self._socket.accept())
        except BlockingIOError:
            pass  # no more pending connections
        except OSError as exc:
            if self._stopping_since is None:
                LOG.warning("Connection could not be accepted: %s", exc)
            if exc.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
                time.sleep(_NO_DESCRIPTORS_PAUSE)
        return accepted

    def _connection(self, sock: socket.socket, peer: tuple) -> Connection:
        if len(self._connections) >= self._limits.connections:
            self._make_room()
        connection = Connection(sock, peer, self._limits.timeouts, self._limits.body)
        self._connections[connection.fd] = connection
        return connection

    def _continue(self, connection: Connection) -> None:
        """Do one step of a connection that this thread owns, then park or close it."""
        connection.parked = False
        try:
            alive = self._step(connection)
        except Exception:
            LOG.exception("Connection closed after an unexpected error")
            alive = False
        if alive:
            self._park(connection)
        else:
            self._close(connection)

    def _step(self, connection: Connection) -> bool:
        """Send, receive or serve a request, without waiting for the client. Returns False if the
        connection must be closed."""
        if connection.is_sending:
            return connection.continue_sending()
        if not connection.is_ready and not connection.receive():
            return False
        if connection.is_sending:
            return True
        if connection.has_request:
            return self._serve_request(connection)
        return connection.refuse() if connection.is_ready else True

    def _serve_request(self, connection: Connection) -> bool:
        request = connection.take_request()
        response, keep = self._gateway.respond(request, connection.peer, self._may_keep)
        return connection.send_response(response, request, keep)

    def _may_keep(self) -> bool:
        return self._stopping_since is None

    def _park(self, connection: Connection) -> None:
        connection.enter_phase()
        self._count(connection, connection.held)
        # A connection with work to do is armed for EPOLLOUT, which fires at once: it gets its turn
        # after others that are ready.
        ready = connection.is_sending or connection.is_ready
        events = (select.EPOLLOUT if ready else select.EPOLLIN) | select.EPOLLONESHOT
        arm = self._epoll.modify if connection.registered else self._epoll.register
        connection.registered = connection.parked = True
        arm(connection.fd, events)  # from here on another thread may own it

    def _close(self, connection: Connection) -> None:
        self._count(connection, 0)
        del self._connections[connection.fd]
        connection.close()

    # -- limits ----------------------------------------------------------------------------------

    def _count(self, connection: Connection, held: int) -> None:
        if held == connection.counted:
            return
        with self._lock:
            self._held += held - connection.counted
            connection.counted = held
            full = self._held > _HELD_AT_MOST
        if full:
            self._make_room(lambda each: each.counted > 0)

    def _make_room(self, may_close: Callable[[Connection], bool] = lambda each: True) -> None:
        """Close the connection that has been waiting longest."""
        with self._lock:
            waiting = [each for each in list(self._connections.values()) if each.parked]
            waiting = [each for each in waiting if may_close(each)]
            if not waiting:
                return
            oldest = min(waiting, key=lambda each: each.since)
            oldest.parked = False  # so that it is not chosen again
        self._interrupt(oldest)

    def _interrupt(self, connection: Connection, expired: bool = False) -> None:
        phase = connection.phase.value if connection.phase else "nothing"
        LOG.debug("Connection of %s closed while waiting for %s", connection.peer[0], phase)
        connection.interrupt(expired)
