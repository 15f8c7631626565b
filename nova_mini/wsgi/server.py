"""The HTTP server of nova-mini-api: gunicorn's parent process with own worker processes.

The parent serves no requests. It loads the applications and forks the workers, which therefore
share its memory; each worker opens its own connections. A worker whose main loop hangs is killed
and replaced. systemd's watchdog is notified only while all workers are healthy.
"""

from __future__ import annotations

import logging
import resource
import signal
import threading
import time
from collections.abc import Callable

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config

from nova_mini import memory, rpc, service, service_auth, systemd
from nova_mini.api import wsgi_app
from nova_mini.conf import CONF
from nova_mini.db import session
from nova_mini.wsgi.application import start_process
from nova_mini.wsgi.worker import ApiWorker

LOG = logging.getLogger(__name__)

# File descriptors of a worker in addition to its clients' connections.
_DESCRIPTORS = 256


class ApiServer(BaseApplication):
    """Serves the APIs in ``enabled_apis``, each on its own port. CONF must be parsed already."""

    def load_config(self) -> None:
        for name, value in _settings().items():
            self.cfg.set(name, value)

    def load(self) -> dict[int, tuple[str, Callable]]:
        """Return {port: (name, application)}.

        The workers are forked from this process and share its Keystone token. The login runs in a
        thread, because it takes about as long as loading the applications.
        """
        service_auth.load()
        logging_in = threading.Thread(target=service_auth.log_in, name="log-in")
        logging_in.start()
        by_port = {port: (name, wsgi_app.load(name)) for name, (_, port) in _listeners().items()}
        logging_in.join()
        return by_port

    def reload(self) -> None:
        """On SIGHUP: read the whole configuration again and replace the workers by new ones."""
        CONF.reload_config_files()
        self.callable = None
        super().reload()

    def run(self) -> None:
        _allow_descriptors()
        _Parent(self).run()


class _Parent(Arbiter):
    def murder_workers(self) -> None:
        """Called once a second: replace hanging workers; notify systemd if all are healthy."""
        super().murder_workers()
        if self._are_workers_healthy():
            systemd.notify("WATCHDOG=1")

    def _are_workers_healthy(self) -> bool:
        oldest_sign = time.monotonic() - CONF.wsgi.worker_timeout
        return len(self.WORKERS) >= self.num_workers and all(
            worker.tmp.last_update() > oldest_sign for worker in self.WORKERS.values()
        )

    def handle_term(self) -> None:
        systemd.notify("STOPPING=1")
        super().handle_term()

    def handle_usr2(self) -> None:
        """Dump the state of every worker, instead of gunicorn's own action (a second parent)."""
        self.kill_workers(signal.SIGUSR2)


class _PropagatingLogger(glogging.Logger):
    """Passes gunicorn's messages to the root logger, like those of all other modules."""

    def setup(self, cfg: Config) -> None:
        self.error_log.setLevel(logging.INFO)
        self.error_log.propagate = True


def _listeners() -> dict[str, tuple[str, int]]:
    """application -> (address, port)"""
    known = {
        wsgi_app.COMPUTE: (CONF.osapi_compute_listen, CONF.osapi_compute_listen_port),
        wsgi_app.METADATA: (CONF.metadata_listen, CONF.metadata_listen_port),
    }
    return {name: known[name] for name in CONF.enabled_apis}


def _settings() -> dict:
    return {
        "bind": [_address(*listener) for listener in _listeners().values()],
        "workers": CONF.osapi_compute_workers,
        "worker_class": ApiWorker,
        "preload_app": True,
        "timeout": CONF.wsgi.worker_timeout,
        "graceful_timeout": CONF.graceful_shutdown_timeout,
        "proc_name": "nova-mini-api",
        "logger_class": _PropagatingLogger,
        "control_socket_disable": True,
        "when_ready": _prepare_fork,
        "on_reload": _prepare_fork,
        "post_fork": _start_worker,
        "post_worker_init": _handle_signals,
        "worker_exit": _stop_worker,
    }


def _allow_descriptors() -> None:
    """Raise the limit of file descriptors, so that each process can have all its connections."""
    needed = _DESCRIPTORS + len(CONF.enabled_apis) * CONF.wsgi.max_connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if allowed < needed:
        LOG.warning(
            "[wsgi] max_connections needs %d file descriptors, but only %d are allowed",
            needed,
            allowed,
        )
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _prepare_fork(_parent: Arbiter) -> None:
    """All workers share the memory that is in use now, until they write to it."""
    session.load(CONF)
    memory.trim_and_freeze()


def _start_worker(_parent: Arbiter, _worker: ApiWorker) -> None:
    start_process()


def _handle_signals(_worker: ApiWorker) -> None:
    signal.signal(signal.SIGUSR2, service.dump_state)


def _stop_worker(_parent: Arbiter, _worker: ApiWorker) -> None:
    rpc.cleanup()
