"""A daemon: its RPC server, its heartbeats, its periodic tasks, and its signals.

``serve`` runs a daemon until SIGTERM. The daemon is *ready* (``Type=notify``) when it is
registered, has resumed the unfinished actions of its predecessor, and listens. On SIGTERM it stops
listening, waits up to ``graceful_shutdown_timeout`` seconds for running operations, and exits. The
next process resumes the actions that are unfinished then. SIGHUP reloads the mutable options,
SIGUSR2 dumps the state of the process.
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
from types import FrameType
from typing import Any, NoReturn

import oslo_messaging as messaging
from futurist import periodics
from oslo_log import log
from oslo_utils import uuidutils

from nova_mini import memory, objects, rpc, systemd
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.notifications import notify_about_service
from nova_mini.objects.service import Service as ServiceRecord

LOG = logging.getLogger(__name__)

# Libraries that log too much even when debug is set.
_QUIET = ["futurist=WARNING", "oslo_db=WARNING", "oslo_concurrency=WARNING", "amqp=ERROR"]

# A periodic task: (interval in seconds, function).
Periodic = tuple[float, Callable[[], None]]

_AVAILABILITY_INTERVAL = 1.0  # seconds between two checks of a service that is not available


class Manager:
    """The base class of the managers, which do the work of a service. All parts are optional."""

    endpoints: list = []  # whose methods are called over RPC
    # More servers of the manager, which run beside the RPC server, with one thread each.
    beside: Sequence[messaging.MessageHandlingServer] = ()
    # How many messages are handled in parallel; None: the default of oslo.messaging. Each thread
    # that sends needs a connection to the broker, and all threads share one interpreter.
    threads: int | None = None

    def init_host(self) -> None:
        """Called before the service listens."""

    def resume(self) -> None:
        """Called once when the service listens."""

    def resume_actions(self, unfinished: list) -> None:
        """Resume the unfinished actions of this host that this process does not run already.

        ``unfinished``: see :meth:`nova_mini.objects.service.Service.check_in`. Called when the
        service listens, and then every ``resume_actions_interval`` seconds.
        """

    def periodic_tasks(self) -> list[Periodic]:
        return []

    def is_available(self) -> bool:
        """Whether the service can do its work now. Reported with each heartbeat."""
        return True

    def cleanup_host(self) -> None:
        """Called when the service has stopped."""


class Service:
    """A service under one host name: the compute of a host, a conductor or a scheduler.

    ``make_manager(host, incarnation)`` creates the manager: see :class:`Manager`.
    ``superseded`` is set when another process has registered under the same name.
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
        """Create the manager and register this process instead of its predecessor."""
        self.manager = self._make_manager(self.host, self.incarnation)
        context = get_admin_context()
        record = ServiceRecord.start(context, self.host, self.binary, self.topic, self.incarnation)
        if record.updated_at is None:  # no predecessor
            notify_about_service(context, record, "create")
        self.manager.init_host()

    def periodic_tasks(self) -> list[Periodic]:
        return [(CONF.report_interval, self._report), *self.manager.periodic_tasks()]

    def _start_periodics(self) -> None:
        callables: list[tuple[Callable[[], None], tuple[()], dict[str, Any]]] = [
            (periodics.periodic(spacing=seconds, run_immediately=False)(_guarded(task)), (), {})
            for seconds, task in self.periodic_tasks()
        ]
        # One thread for each task, so that a slow task does not delay the heartbeat.
        self._worker = periodics.PeriodicWorker(
            callables,
            executor_factory=lambda: futures.ThreadPoolExecutor(len(callables)),
        )
        threading.Thread(target=self._worker.start, name="periodics", daemon=True).start()

    def _report(self) -> None:
        """Send a heartbeat.

        While the service is not available it receives no work, so its availability is checked
        every second, and reported as soon as it is available again.
        """
        available = self.manager.is_available()
        self._beat(available)
        until = time.monotonic() + CONF.report_interval - _AVAILABILITY_INTERVAL
        while not available and time.monotonic() < until:
            if self._stopping.wait(_AVAILABILITY_INTERVAL):
                return
            available = self.manager.is_available()
            if available:
                self._beat(available)

    def _beat(self, available: bool) -> None:
        """Send one heartbeat; every ``resume_actions_interval`` seconds one with a reply.

        While a reply is due, no others are sent, so that they do not pile up in the broker when no
        conductor is running.
        """
        if time.monotonic() < self._check_in_at:
            ServiceRecord.report(self.incarnation, available)
        else:
            self._check_in(available)

    def _check_in(self, available: bool) -> None:
        unfinished = ServiceRecord.check_in(get_admin_context(), self.incarnation, available)
        # The next check-in replaces the heartbeat that is nearest to its time.
        pause = CONF.resume_actions_interval - CONF.report_interval / 2
        self._check_in_at = time.monotonic() + pause
        if unfinished is None:
            LOG.error("%s on %s: replaced by another process, stopping", self.binary, self.host)
            self.superseded.set()
        else:
            self.manager.resume_actions(unfinished)

    def stop(self) -> None:
        """Accept no new work, and wait up to ``graceful_shutdown_timeout`` for running work."""
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
    """A periodic task whose errors are logged, and which runs again at the next interval."""

    @functools.wraps(task)
    def run() -> None:
        try:
            task()
        except Exception:
            LOG.exception("Periodic task %s failed; it will be retried", task.__qualname__)

    return run


def prepare(argv: list[str] | None = None) -> None:
    """Read the command line and the configuration; set up logging, objects and the bus."""
    memory.share_one_arena()
    read_configuration(sys.argv[1:] if argv is None else argv)
    rpc.init()


def read_configuration(argv: list[str], config_files: list[str] | None = None) -> None:
    """Read the configuration and set up logging and objects. The process may still fork: no
    connection is made.

    ``config_files``: used instead of /etc/nova-mini/nova-mini.conf and the other files that
    oslo.config finds.
    """
    log.register_options(CONF)
    log.set_defaults(default_log_levels=log.get_default_log_levels() + _QUIET)
    rpc.set_defaults()
    CONF(argv, project="nova-mini", default_config_files=config_files)
    log.setup(CONF, "nova-mini")
    objects.register_all()


def serve(services: list[Service]) -> NoReturn:
    """Start the services, run until SIGTERM or SIGINT, stop the services and end the process."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    signal.signal(signal.SIGHUP, lambda *_: CONF.mutate_config_files())
    signal.signal(signal.SIGUSR2, dump_state)
    with futures.ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(Service.start, services))
    LOG.info("Ready: %s", ", ".join(f"{s.binary}@{s.host}" for s in services))
    memory.trim_and_freeze()
    systemd.notify("READY=1")
    _wait(stopping, services)
    systemd.notify("STOPPING=1")
    with futures.ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(Service.stop, services))
    rpc.cleanup()
    _exit(1 if any(service.superseded.is_set() for service in services) else 0)


def _exit(status: int) -> NoReturn:
    """End the process without waiting for its threads: one may still be calling a conductor that
    does not answer."""
    logging.shutdown()
    os._exit(status)


def _wait(stopping: threading.Event, services: list[Service]) -> None:
    """Wait for a signal, or until a service is superseded, and notify the watchdog meanwhile."""
    pause = min(systemd.watchdog_interval() or 1.0, 1.0)
    while not stopping.wait(pause):
        systemd.notify("WATCHDOG=1")
        if any(service.superseded.is_set() for service in services):
            return


def dump_state(_signum: int, frame: FrameType | None) -> None:
    """Write the threads, the configuration and the versions to stderr. A signal handler."""
    # Imported here because it takes 10 MiB.
    from oslo_reports import guru_meditation_report as gmr

    gmr.TextGuruMeditation.handle_signal(_Version, "nova-mini", None, frame)


class _Version:
    """The version that oslo.reports prints in a dump."""

    @staticmethod
    def vendor_string() -> str:
        return "nova_mini"

    product_string = vendor_string

    @staticmethod
    def version_string_with_package() -> str:
        return importlib.metadata.version("nova-mini")
