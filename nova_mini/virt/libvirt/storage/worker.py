"""A worker process, for :mod:`.worker_pool`."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

_PROGRAM = pathlib.Path(__file__).with_name("worker_main.py")
_MESSAGE_SECONDS = 10  # timeout for the rest of a message that has begun
_END_SECONDS = 1  # from the end of the connection to the end of the process
# The C library frees the memory of large answers: a worker takes 17 MB instead of 23 MB.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072"}  # bytes


class WorkerLost(Exception):
    """The worker died, or it hangs. Its call may have taken effect, not at all or in part."""


class CallFailed(Exception):
    """The backend returned an error; ``kind`` is one of the backend's names of errors."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


class Worker:
    """A process with a connected backend. One thread at a time may use it.

    ``start_seconds``: timeout of the start. Raises WorkerLost, and CallFailed when the backend
    cannot connect.
    """

    def __init__(self, backend: pathlib.Path, settings: dict, start_seconds: float):
        self.is_usable = True
        self.identity = ""
        parent_end, worker_end = socket.socketpair()
        self._memory = os.memfd_create("worker")
        with worker_end:
            inherited = [worker_end.fileno(), self._memory]
            # Not multiprocessing's spawn: it imports the main module of this process.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_PROGRAM), *map(str, inherited), str(backend)],
                stdin=subprocess.DEVNULL,
                pass_fds=inherited,
                env=os.environ | _ENVIRONMENT,
            )
        # A worker that stops in the middle of a message must not block this process.
        limit = struct.pack("ll", _MESSAGE_SECONDS, 0)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            parent_end.setsockopt(socket.SOL_SOCKET, option, limit)
        self._connection = Connection(parent_end.detach())
        try:
            self._wait_until_ready(settings, start_seconds)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, name: str, args: tuple, *, is_retry: bool) -> None:
        """Begin a call. Raises WorkerLost."""
        self._send((name, args, is_retry))

    def receive(self, seconds: float) -> tuple | None:
        """The next message; None if none arrives in time. Raises WorkerLost."""
        try:
            if not self._connection.poll(seconds):
                return None
            return self._connection.recv()
        except (EOFError, OSError) as exc:
            raise WorkerLost(self._describe_end()) from exc

    def value_of(self, message: tuple) -> Any:
        """The value in the answer to a call. Raises CallFailed."""
        message_type, *content = message
        if message_type == "error":
            kind, text, self.is_usable = content
            raise CallFailed(kind, text)
        if message_type == "data":
            data = os.pread(self._memory, content[0], 0)
            os.ftruncate(self._memory, 0)
            return data
        return content[0]

    def end(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.wait()
        self._connection.close()
        os.close(self._memory)

    def _wait_until_ready(self, settings: dict, seconds: float) -> None:
        self._send(settings)
        message = self.receive(seconds)
        if message is None:
            raise WorkerLost(f"process {self.pid} did not start within {seconds:.0f} seconds")
        self.identity = self.value_of(message)

    def _send(self, message) -> None:
        try:
            self._connection.send(message)
        except OSError as exc:
            raise WorkerLost(self._describe_end()) from exc

    def _describe_end(self) -> str:
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return f"process {self.pid} has stopped in the middle of a message"
        if code >= 0:
            return f"process {self.pid} ended with status {code}"
        return f"process {self.pid} was ended by {signal.Signals(-code).name}"
