"""nova-mini-api's own HTTP server: gunicorn, with what it lacks.

One parent that answers no request loads the applications and forks the workers, which therefore
share its memory; each of them makes its own connections. A worker whose loop stands still is killed
and replaced; systemd's watchdog is fed only while all of them are well.
"""

from __future__ import annotations

import logging
import select
import signal
import threading
import time
from collections.abc import Callable

from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from nova_mini import memory, rpc, service, service_auth, systemd
from nova_mini.api import wsgi_app
from nova_mini.conf import CONF
from nova_mini.db import session
from nova_mini.wsgi.application import start_process

# Seconds that a client's idle connection is kept: longer than proxies keep theirs.
_KEEPALIVE = 75
# Bytes of a refused body that are read to keep its connection.
_READ_AT_MOST = 4 * 1024 * 1024
_CHUNK = 64 * 1024
# Milliseconds that a thread waits for the next request of the client that it has answered.
_AT_ONCE = 1


class ApiServer(BaseApplication):
    """Serves what ``enabled_apis`` says, each on its own port. CONF must be parsed already."""

    def load_config(self) -> None:
        for name, value in _settings().items():
            self.cfg.set(name, value)

    def load(self) -> Callable:
        """The workers are forked from this process and share its login. Keystone takes as long for
        a password as we for what is loaded meanwhile."""
        service_auth.load()
        logging_in = threading.Thread(target=service_auth.log_in, name="log-in")
        logging_in.start()
        by_port = {str(port): wsgi_app.load(name) for name, (_, port) in _listeners().items()}

        logging_in.join()

        def serve(environ, start_response):
            answer = by_port[environ["SERVER_PORT"]](environ, start_response)
            _read_the_rest(environ["wsgi.input"])
            return answer

        return serve

    def reload(self) -> None:
        """SIGHUP: the whole configuration again; new workers take over from the old ones."""
        CONF.reload_config_files()
        self.callable = None
        super().reload()

    def run(self) -> None:
        _Parent(self).run()


class _Parent(Arbiter):
    def murder_workers(self) -> None:
        """Once a second: replace who is stuck; tell systemd if nobody is."""
        super().murder_workers()
        if self._all_well():
            systemd.notify("WATCHDOG=1")

    def _all_well(self) -> bool:
        oldest_sign = time.monotonic() - CONF.wsgi.worker_timeout
        return len(self.WORKERS) >= self.num_workers and all(
            worker.tmp.last_update() > oldest_sign for worker in self.WORKERS.values()
        )

    def handle_term(self) -> None:
        systemd.notify("STOPPING=1")
        super().handle_term()

    def handle_usr2(self) -> None:
        """A dump of every worker; gunicorn itself would start another parent."""
        self.kill_workers(signal.SIGUSR2)


class _Worker(ThreadWorker):
    """A client that asks again at once is answered by the thread that has just answered it: the way
    back through the loop takes an eighth of what showing a server does."""

    def handle(self, conn):
        kept = super().handle(conn)
        while kept is True and self._asks_again(conn):
            kept = super().handle(conn)
        return kept

    def _asks_again(self, conn) -> bool:
        """Waits for it only while each connection can have a thread to itself."""
        if not self.alive or self.nr_conns > self.cfg.threads:
            return False
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(_AT_ONCE))


class _OurLog(glogging.Logger):
    """gunicorn's messages go where ours go."""

    def setup(self, cfg) -> None:
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
        "threads": CONF.osapi_compute_threads,
        "worker_class": _Worker,
        "preload_app": True,
        "timeout": CONF.wsgi.worker_timeout,
        "graceful_timeout": CONF.graceful_shutdown_timeout,
        "keepalive": _KEEPALIVE,
        "limit_request_line": 8190,
        "proc_name": "nova-mini-api",
        "logger_class": _OurLog,
        "control_socket_disable": True,
        "when_ready": _before_workers,
        "on_reload": _before_workers,
        "post_fork": _start_worker,
        "post_worker_init": _handle_signals,
        "worker_exit": _stop_worker,
    }


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _read_the_rest(body) -> None:
    """Of a body that was refused unread: closing on what a client still sends would take the answer
    from it, or break its next request on the connection. A huge one is cut off all the same."""
    for _ in range(_READ_AT_MOST // _CHUNK):
        if not body.read(_CHUNK):
            return


def _before_workers(_parent) -> None:
    """What is loaded by now is shared by all workers, while none of them touches it."""
    session.load(CONF)
    memory.settle()


def _start_worker(_parent, _worker) -> None:
    start_process()


def _handle_signals(_worker) -> None:
    signal.signal(signal.SIGUSR2, service.dump_state)


def _stop_worker(_parent, _worker) -> None:
    rpc.cleanup()
