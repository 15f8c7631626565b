"""A pool of processes that run the calls of a C library which may crash or hang.

A worker that dies or hangs is replaced, and the call is retried in another worker; the process that
uses the pool is not affected. So it must be safe to retry a call: the backend gets ``is_retry``.
See :mod:`.worker_main` for the backend and the protocol.

Workers are started when they are needed. The one that was used last stays; others that have had
nothing to do for ``_IDLE_SECONDS`` are ended at the next call.
"""

from __future__ import annotations

import contextlib
import logging
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from nova_mini.virt.libvirt.storage.worker import CallFailed, Worker, WorkerLost

LOG = logging.getLogger(__name__)

_LIMIT = 6  # workers at the same time, each about 15 MB
_LONG_LIMIT = 4  # of these for long calls, so that short ones always find a worker
_IDLE_SECONDS = 30
_START_SECONDS = 30
_ATTEMPTS = 5


class WorkersExhausted(Exception):
    """Every attempt of a call has lost its worker."""


class WorkerPool:
    """Workers for the backend module at ``backend``, all with the same settings.

    ``probe``: name and arguments of a call that shows whether the service behind the library
    answers. ``hang_timeout``: a worker hangs if it sends no answer or progress for so many seconds
    although the service answers the probe of another worker. It is doubled at each retry, because a
    call may only be slow.
    """

    def __init__(
        self,
        backend: pathlib.Path,
        settings: Callable[[], dict],
        probe: tuple,
        hang_timeout: float = 20,
    ):
        self._backend = backend
        self._settings = settings
        self._probe = probe
        self._hang_timeout = hang_timeout
        self._lock = threading.Lock()
        self._idle: list[tuple[Worker, float]] = []  # with the time of the last use; newest last
        self._closed = False
        self._slots = threading.BoundedSemaphore(_LIMIT)
        self._long_slots = threading.BoundedSemaphore(_LONG_LIMIT)
        self._probe_lock = threading.Lock()
        self._probed: tuple[float, bool] = (float("-inf"), False)

    def call(self, name: str, *args: Any, long: bool = False) -> Any:
        """Run a call of the backend in a worker and return its value.

        ``long``: the call may take minutes; it reports its progress. Raises CallFailed for an error
        of the backend, WorkersExhausted.
        """
        lost: list[str] = []
        with self._long_slots if long else contextlib.nullcontext(), self._slots:
            for attempt in range(_ATTEMPTS):
                try:
                    return self._try(name, args, attempt, lost)
                except WorkerLost as exc:
                    reason = str(exc)
                    LOG.warning("Worker lost in call %s, attempt %d: %s", name, attempt + 1, exc)
        raise WorkersExhausted(f"{name}: {_ATTEMPTS} workers were lost, the last one: {reason}")

    def close(self) -> None:
        """End all idle workers now, and busy ones after their call."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker, _ in idle:
            worker.end()

    def _try(self, name: str, args: tuple, attempt: int, lost: list[str]):
        """``lost``: identities of the workers that earlier attempts lost and that are not fenced
        yet. Raises WorkerLost."""
        with self._worker(lost) as worker:
            while lost:
                self._fence(worker, lost[-1])
                lost.pop()
            worker.send(name, args, is_retry=attempt > 0)
            return self._await_result(worker, self._hang_timeout * 2**attempt)

    @contextlib.contextmanager
    def _worker(self, lost: list[str]) -> Iterator[Worker]:
        """Context manager: a worker for one call. It returns to the pool if the call is answered,
        and is ended otherwise."""
        worker = self._take_idle() or self._start()
        try:
            yield worker
        except CallFailed:
            self._return_to_pool(worker)
            raise
        except BaseException:
            worker.end()
            if worker.identity:
                lost.append(worker.identity)
            raise
        self._return_to_pool(worker)

    def _start(self) -> Worker:
        return Worker(self._backend, self._settings(), _START_SECONDS)

    def _take_idle(self) -> Worker | None:
        with self._lock:
            while self._idle:
                worker, _ = self._idle.pop()
                if worker.is_alive():
                    return worker
                worker.end()
        return None

    def _return_to_pool(self, worker: Worker) -> None:
        """Keep the worker for later calls, and end workers that were idle for too long."""
        now = time.monotonic()
        with self._lock:
            keep = worker.is_usable and not self._closed
            old = [each for each in self._idle if now - each[1] >= _IDLE_SECONDS]
            self._idle = [each for each in self._idle if each not in old]
            if keep:
                self._idle.append((worker, now))
        for each, _ in old:
            each.end()
        if not keep:
            worker.end()

    def _fence(self, worker: Worker, identity: str) -> None:
        """Ensure that no request of a lost worker takes effect any more. Raises WorkerLost."""
        worker.send("fence", (identity,), is_retry=False)
        try:
            self._await_result(worker, self._hang_timeout)
        except CallFailed as exc:
            LOG.warning("Worker %s: could not fence it: %s", identity, exc)

    def _await_result(self, worker: Worker, hang_timeout: float):
        """Raises WorkerLost when the worker hangs: it sends nothing in two intervals of half the
        timeout, and the service answers another worker in each of them."""
        answered_probes = 0
        while answered_probes < 2:
            message = worker.receive(hang_timeout / 2)
            if message is None:
                answered_probes = answered_probes + 1 if self._is_service_available() else 0
            elif message[0] == "progress":
                answered_probes = 0
            else:
                return worker.value_of(message)
        raise WorkerLost(f"process {worker.pid} hangs")

    def _is_service_available(self) -> bool:
        """Whether the service answers a new worker. Concurrent callers share the result."""
        with self._probe_lock:
            probed_at, is_available = self._probed
            if time.monotonic() - probed_at > self._hang_timeout / 4:
                is_available = self._probe_service()
                self._probed = time.monotonic(), is_available
            return is_available

    def _probe_service(self) -> bool:
        name, *args = self._probe
        try:
            worker = self._start()
        except (WorkerLost, CallFailed) as exc:
            LOG.warning("Probe: a new worker could not connect to the service: %s", exc)
            return False
        try:
            worker.send(name, tuple(args), is_retry=False)
            message = worker.receive(self._hang_timeout / 2)
            return message is not None and bool(worker.value_of(message))
        except (WorkerLost, CallFailed) as exc:
            LOG.warning("Probe: the service does not answer another worker: %s", exc)
            return False
        finally:
            worker.end()
