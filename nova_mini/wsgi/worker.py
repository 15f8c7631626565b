"""A worker process of gunicorn: the listeners of all APIs, each with its own threads."""

from __future__ import annotations

import os
import select
import time

from gunicorn.workers.base import Worker
from oslo_middleware import sizelimit

from nova_mini.api import wsgi_app
from nova_mini.conf import CONF
from nova_mini.wsgi.connection import Timeouts
from nova_mini.wsgi.listener import Limits, Listener

CONF.register_opts(sizelimit.OPTS, "oslo_middleware")

_INTERVAL = 1.0  # seconds between two heartbeats, and between two searches for expired connections
_INTERVAL_AT_STOP = 0.05


class ApiWorker(Worker):
    """``self.wsgi`` is the result of ``ApiServer.load``: {port: (name, application)}."""

    def run(self) -> None:
        """Serve until a signal or the end of the parent; then finish the requests in progress."""
        listeners = [self._listener(sock) for sock in self.sockets]
        for listener in listeners:
            listener.start()
        while self.alive and self.ppid == os.getppid():
            self._tick(listeners)
            self._wait(_INTERVAL)
        for listener in listeners:
            listener.stop()
        until = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < until and not all(each.is_empty for each in listeners):
            self._tick(listeners)
            time.sleep(_INTERVAL_AT_STOP)

    def _listener(self, sock) -> Listener:
        name, application = self.wsgi[sock.getsockname()[1]]
        threads = {
            wsgi_app.COMPUTE: CONF.osapi_compute_threads,
            wsgi_app.METADATA: CONF.metadata_threads,
        }[name]
        return Listener(sock.sock, application, threads, _limits())

    def _tick(self, listeners: list[Listener]) -> None:
        self.notify()
        for listener in listeners:
            listener.sweep()

    def _wait(self, seconds: float) -> None:
        """Return after ``seconds``, or earlier if a signal arrives."""
        if select.select([self.PIPE[0]], [], [], seconds)[0]:
            os.read(self.PIPE[0], 1024)


def _limits() -> Limits:
    timeouts = Timeouts(
        idle=CONF.wsgi.keepalive_timeout,
        head=CONF.wsgi.client_header_timeout,
        body=CONF.wsgi.client_body_timeout,
        sending=CONF.wsgi.send_timeout,
    )
    return Limits(CONF.wsgi.max_connections, CONF.oslo_middleware.max_request_body_size, timeouts)
