"""Slow HTTP clients, in a separate process.

``python -m tests.functional.harness.slow_clients PORT KIND:COUNT…`` prints a line when all clients
are connected. Each client acts once a second, and connects again when it was disconnected. Kinds:
``idle`` (sends nothing), ``header``, ``body`` and ``chunked`` (send one byte), ``reader`` (sends
many requests with large responses at once, and reads a few bytes of them).
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import random
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.functional.harness.network import ADDRESS

_POST = b"POST /v2.1/servers HTTP/1.1\r\nHost: x\r\nX-Auth-Token: user:slow\r\n"
_GET = b"GET /v2.1/flavors/detail HTTP/1.1\r\nHost: x\r\nX-Auth-Token: user:slow\r\n"
_FIRST = {
    "idle": b"",
    "header": b"",
    "body": _POST + b"Content-Length: 5000\r\n\r\n",
    "chunked": _POST + b"Transfer-Encoding: chunked\r\n\r\n",
    "reader": (_GET + b"\r\n") * 40,
}
_HEAD = _GET + b"X-Filler: x\r\n" * 60
_FILES = 4096


class _Client:
    def __init__(self, port: int, kind: str):
        self._port, self._kind = port, kind
        self.connect()

    def connect(self) -> None:
        self._socket = socket.socket()
        if self._kind == "reader":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(5)
        self._socket.connect((ADDRESS, self._port))
        self._socket.setblocking(False)
        self._socket.send(_FIRST[self._kind])
        self._bytes = itertools.cycle(_HEAD)

    def act(self) -> None:
        try:
            self._send()
            if not self._socket.recv(512):
                raise ConnectionError
        except BlockingIOError:
            return
        except OSError:
            self._socket.close()
            self.connect()

    def _send(self) -> None:
        if self._kind == "header":
            self._socket.send(bytes([next(self._bytes)]))
        elif self._kind == "body":
            self._socket.send(b" ")
        elif self._kind == "chunked":
            self._socket.send(b"1\r\n \r\n")


@contextlib.contextmanager
def running(port: int, **kinds: int) -> Iterator[None]:
    """Run clients during the block; ``kinds``: kind -> number of clients."""
    arguments = [f"{kind}:{count}" for kind, count in kinds.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(port), *arguments], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline(), "the slow clients did not connect"
        yield
        assert process.poll() is None, "the slow clients gave up"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _main(port: str, *kinds: str) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, hard), hard))
    clients = []
    for kind, _, count in (each.partition(":") for each in kinds):
        clients += [_Client(int(port), kind) for _ in range(int(count))]
    now = time.monotonic()
    turns = [(now + random.random(), number) for number in range(len(clients))]
    heapq.heapify(turns)
    print("connected", flush=True)
    while True:
        at, number = heapq.heappop(turns)
        time.sleep(max(0, at - time.monotonic()))
        clients[number].act()
        heapq.heappush(turns, (at + 1, number))


if __name__ == "__main__":
    _main(*sys.argv[1:])
