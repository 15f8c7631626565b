"""A daemon: its RPC server, its heartbeat, its periodic work, and its manners towards systemd.

``serve`` runs one until SIGTERM. A daemon is *ready* (``Type=notify``) when it is registered, has
taken up what its predecessor left, and listens. On SIGTERM it stops listening, gives what is
running ``graceful_shutdown_timeout`` seconds, and goes: what is not finished then is an unfinished
action, which its successor takes up. SIGHUP reloads the options that may change, SIGUSR2 dumps
the state of the process.
"""

from __future__ import annotations

import functools
import importlib.metadata
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import NoReturn

import oslo_messaging as messaging
from futurist import periodics
from oslo_log import log
from oslo_utils import uuidutils

from nova_mini import memory, objects, rpc, systemd
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.service import Service as ServiceRecord

LOG = logging.getLogger(__name__)

# Libraries that tell more than an operator wants even when our own debug log is on.
_QUIET = ["futurist=WARNING", "oslo_db=WARNING", "oslo_concurrency=WARNING", "amqp=ERROR"]

# What a service does again and again: (seconds, function).
Periodic = tuple[float, Callable[[], None]]

_LOOK_AGAIN = 1.0  # seconds between two looks at one that cannot do its work


class Manager:
    """What a service needs of the one who does its work; each part may be left out."""

    endpoints: list = []
    # Servers of its own that listen beside the one that calls ``endpoints``, with a thread each.
    beside: Sequence[messaging.MessageHandlingServer] = ()
    # How many messages are worked on at once; None is oslo.messaging's own figure. Each thread
    # that sends takes a connection to the broker, and all share one interpreter.
    threads: int | None = None

    def init_host(self) -> None:
        """Before the service listens."""

    def resume(self) -> None:
        """When it listens: look around."""

    def take_up(self, unfinished: list) -> None:
        """Go on with what is to be done here and what this process does not know of, if anything:
        see :meth:`nova_mini.objects.service.Service.check_in`. When it listens, and each
        ``resume_actions_interval``."""

    def periodic_tasks(self) -> list[Periodic]:
        return []

    def is_available(self) -> bool:
        """Whether it can do its work now; told with each heartbeat."""
        return True

    def cleanup_host(self) -> None:
        """At the end."""


class Service:
    """One name in the cloud: a host's compute, a conductor, a scheduler.

    ``make_manager(host, incarnation)`` makes what does the work; it has ``endpoints`` (what RPC may
    call), ``init_host()`` (before it listens), ``resume()`` (after), ``periodic_tasks()``,
    ``is_available()`` and ``cleanup_host()``: see :class:`Manager`.
    """

    def __init__(
        self, binary: str, topic: str, host: str, make_manager: Callable[[str, str], Manager]
    ):
        self.binary = binary
        self.topic = topic
        self.host = host
        self.incarnation = uuidutils.generate_uuid()
        self._make_manager = make_manager
        self._worker: periodics.PeriodicWorker | None = None
        self._servers: list[messaging.MessageHandlingServer] = []
        self._stopping = threading.Event()
        self.superseded = threading.Event()
        self._check_in_at = 0.0

    def start(self) -> None:
        self.register()
        target = messaging.Target(topic=self.topic, server=self.host)
        server = rpc.get_server(target, self.manager.endpoints)
        server.start(override_pool_size=self.manager.threads)
        for other in self.manager.beside:
            other.start(override_pool_size=1)
        self._servers = [server, *self.manager.beside]
        self._check_in(self.manager.is_available())
        self.manager.resume()
        self._start_periodics()

    def register(self) -> None:
        """Make the manager and take the name, over its predecessor. Nobody listens yet."""
        self.manager = self._make_manager(self.host, self.incarnation)
        ServiceRecord.start(
            get_admin_context(), self.host, self.binary, self.topic, self.incarnation
        )
        self.manager.init_host()

    def periodic_tasks(self) -> list[Periodic]:
        return [(CONF.report_interval, self._report), *self.manager.periodic_tasks()]

    def _start_periodics(self) -> None:
        callables = [
            (periodics.periodic(spacing=seconds, run_immediately=False)(_guarded(task)), (), {})
            for seconds, task in self.periodic_tasks()
        ]
        # One thread each: a slow task never keeps the heartbeat waiting.
        self._worker = periodics.PeriodicWorker(
            callables,
            executor_factory=lambda: futures.ThreadPoolExecutor(len(callables)),
        )
        threading.Thread(target=self._worker.start, name="periodics", daemon=True).start()

    def _report(self) -> None:
        """A heartbeat. While this one cannot do its work it gets none, so it is looked at each
        second until it can say that it is well again."""
        available = self.manager.is_available()
        self._beat(available)
        until = time.monotonic() + CONF.report_interval - _LOOK_AGAIN
        while not available and time.monotonic() < until:
            if self._stopping.wait(_LOOK_AGAIN):
                return
            available = self.manager.is_available()
            if available:
                self._beat(available)

    def _beat(self, available: bool) -> None:
        """One heartbeat, now and then one that is answered. No other is sent while none is: so not
        many wait in the broker for conductors that are away."""
        if time.monotonic() < self._check_in_at:
            ServiceRecord.report(self.incarnation, available)
        else:
            self._check_in(available)

    def _check_in(self, available: bool) -> None:
        unfinished = ServiceRecord.check_in(get_admin_context(), self.incarnation, available)
        # With the heartbeat that comes nearest to the time.
        pause = CONF.resume_actions_interval - CONF.report_interval / 2
        self._check_in_at = time.monotonic() + pause
        if unfinished is None:
            LOG.error("Another %s has taken the name %s; stopping", self.binary, self.host)
            self.superseded.set()
        else:
            self.manager.take_up(unfinished)

    def stop(self) -> None:
        """Take nothing new and wait for what is running, ``graceful_shutdown_timeout`` at most."""
        self._stopping.set()
        if self._worker:
            self._worker.stop()
        with futures.ThreadPoolExecutor() as pool:
            list(pool.map(rpc.stop_listening, self._servers))
        finisher = threading.Thread(target=self._finish, daemon=True)
        finisher.start()
        finisher.join(CONF.graceful_shutdown_timeout)
        self.manager.cleanup_host()

    def _finish(self) -> None:
        for server in self._servers:
            server.wait()


def _guarded(task: Callable[[], None]) -> Callable[[], None]:
    """A periodic task that fails is told of and comes again."""

    @functools.wraps(task)
    def run() -> None:
        try:
            task()
        except Exception:
            LOG.exception("Periodic task %s failed; it will be tried again", task.__qualname__)

    return run


def prepare(argv: list[str] | None = None) -> None:
    """Read the command line and the configuration; set up logging, objects and the bus."""
    memory.share_one_arena()
    read_configuration(sys.argv[1:] if argv is None else argv)
    rpc.init()


def read_configuration(argv: list[str], config_files: list[str] | None = None) -> None:
    """All of it that makes no connection, so that a process may still fork.

    ``config_files``: instead of those that oslo.config finds (/etc/nova-mini/nova-mini.conf).
    """
    log.register_options(CONF)
    log.set_defaults(default_log_levels=log.get_default_log_levels() + _QUIET)
    rpc.set_defaults()
    CONF(argv, project="nova-mini", default_config_files=config_files)
    log.setup(CONF, "nova-mini")
    objects.register_all()


def serve(services: list[Service]) -> NoReturn:
    """Start them, run until a signal says stop, stop them, and end the process."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, lambda *_: CONF.mutate_config_files())
    signal.signal(signal.SIGUSR2, dump_state)
    with futures.ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(Service.start, services))
    LOG.info("Ready: %s", ", ".join(f"{s.binary}@{s.host}" for s in services))
    memory.settle()
    systemd.notify("READY=1")
    _wait(stopping, services)
    systemd.notify("STOPPING=1")
    with futures.ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(Service.stop, services))
    rpc.cleanup()
    _leave(1 if any(service.superseded.is_set() for service in services) else 0)


def _leave(status: int) -> NoReturn:
    """Go now. A thread that still asks a conductor that is away has had its time, but Python would
    wait for it."""
    logging.shutdown()
    os._exit(status)


def _wait(stopping: threading.Event, services: list[Service]) -> None:
    """Until told to stop. The watchdog is fed from the main thread: it bites when that is stuck."""
    pause = min(systemd.watchdog_interval() or 1.0, 1.0)
    while not stopping.wait(pause):
        systemd.notify("WATCHDOG=1")
        if any(service.superseded.is_set() for service in services):
            return


def dump_state(_signum, frame) -> None:
    """Threads, configuration and versions, to stderr. Loaded when asked for: it takes 10 MiB."""
    from oslo_reports import guru_meditation_report as gmr

    gmr.TextGuruMeditation.handle_signal(_Version, "nova-mini", None, frame)


class _Version:
    """What oslo.reports prints at the head of a dump."""

    @staticmethod
    def vendor_string() -> str:
        return "nova_mini"

    product_string = vendor_string

    @staticmethod
    def version_string_with_package() -> str:
        return importlib.metadata.version("nova-mini")
