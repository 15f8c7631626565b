"""Main program of a worker process: runs the calls of one backend module, one call at a time.

:mod:`.worker` starts it as a script, with three arguments: the file descriptor of a socket, that of
a file in memory, and the path of the backend module. The script imports nothing of nova_mini, and a
backend imports only the standard library and the C library's bindings, so that a worker stays
small.

The backend has a function ``connect(**settings)``. It returns an object whose public methods are
the calls, and which also has:

* ``identity``: text with which another worker can fence this one when it is dead; may be empty;
* ``is_retry``: set before each call; True if another worker was lost during the same call;
* ``report_progress``: set once; a long call invokes it, from any thread, while it makes progress;
* ``explain(exc)``: (kind, message, usable) of an expected error, or None for a programming error.
  A worker that is not ``usable`` any more ends after its answer.

The messages are pickled tuples of plain values:

* to the worker: ``settings`` (a dictionary) first, then ``(name, args, is_retry)`` for each call;
* from the worker: ``("ready", identity)`` first; for each call any number of ``("progress",)``,
  then ``("result", value)``, ``("error", kind, message, usable)``, or ``("data", length)`` for
  many bytes, which are in the file in memory: a socket would take them in small pieces.
"""

from __future__ import annotations

import importlib.util
import os
import select
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

_REPORT_SECONDS = 0.1
_MANY_BYTES = 1 << 15


def main(descriptor: int, memory: int, backend_path: str) -> None:
    """Serve calls until the parent closes its end of the socket."""
    # The parent decides when a worker ends: a signal to the whole process group or unit must not
    # interrupt the operations that the parent still completes.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    channel = _Channel(Connection(descriptor), memory)
    threading.Thread(target=_exit_with_parent, args=(descriptor,), daemon=True).start()
    try:
        settings = channel.receive()
        calls = _start_backend(channel, backend_path, settings)
        while calls is not None and _serve_one(channel, calls):
            pass
    except (EOFError, ConnectionError):
        pass  # the parent has closed the socket: the worker must end
    os._exit(0)  # at once, even if the library hangs


class _Channel:
    """The socket. A thread of the library may send a progress report, too."""

    def __init__(self, connection: Connection, memory: int):
        self._connection = connection
        self._memory = memory
        self._lock = threading.Lock()
        self._reported = 0.0

    def receive(self):
        return self._connection.recv()

    def send(self, *message: Any) -> None:
        with self._lock:
            self._connection.send(message)

    def send_result(self, value: Any) -> None:
        if isinstance(value, bytes) and len(value) > _MANY_BYTES:
            os.pwrite(self._memory, value, 0)
            self.send("data", len(value))
        else:
            self.send("result", value)

    def report_progress(self) -> None:
        """Send a report, at most every ``_REPORT_SECONDS``: a library calls this very often."""
        now = time.monotonic()
        if now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            self.send("progress")


def _exit_with_parent(descriptor: int) -> None:
    """End the process when the parent dies, even during a call."""
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)
    poll.poll()
    os._exit(1)


def _start_backend(channel: _Channel, path: str, settings: dict):
    """Load and connect the backend. None: it failed, and the error was sent to the parent."""
    module = None
    try:
        spec = importlib.util.spec_from_file_location("worker_backend", path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a module")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        calls = module.connect(**settings)
    except Exception as exc:
        _send_error(channel, getattr(module, "explain", None), exc)
        return None
    calls.report_progress = channel.report_progress
    channel.send("ready", calls.identity)
    return calls


def _serve_one(channel: _Channel, calls) -> bool:
    """Run one call. Returns whether the worker is still usable."""
    name, args, is_retry = channel.receive()
    calls.is_retry = is_retry
    try:
        if name.startswith("_"):
            raise AttributeError(f"{name} is private")
        value = getattr(calls, name)(*args)
    except Exception as exc:
        return _send_error(channel, calls.explain, exc)
    channel.send_result(value)
    return True


def _send_error(channel: _Channel, explain, exc: Exception) -> bool:
    """Send an error. Returns whether the worker is still usable."""
    known = explain(exc) if explain else None
    if known is None:
        known = ("bug", "".join(traceback.format_exception(exc)), True)
    channel.send("error", *known)
    return known[2]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
