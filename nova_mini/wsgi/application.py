"""What a process needs to run an application of ours, under our server or any other."""

from __future__ import annotations

import os
import threading

from nova_mini import rpc, service, service_auth
from nova_mini.api import wsgi_app
from nova_mini.conf import CONF
from nova_mini.db import session


def start_process() -> None:
    """What each worker does for itself: its connections, none of which outlives a fork."""
    session.configure(CONF)
    rpc.init()


class Application:
    """For any WSGI server: reads the configuration when it is made, connects at the first request
    of each process.

    The files are those of ``OS_NOVA_MINI_CONFIG_FILES`` (with ";" between them) in
    ``OS_NOVA_MINI_CONFIG_DIR``, or else where oslo.config looks: /etc/nova-mini/nova-mini.conf.
    """

    def __init__(self, name: str):
        service.read_configuration([], _files_from_environment())
        self._application = wsgi_app.load(name)
        self._started_in: int | None = None
        self._lock = threading.Lock()

    def __call__(self, environ, start_response):
        if self._started_in != os.getpid():
            self._start()
        return self._application(environ, start_response)

    def _start(self) -> None:
        with self._lock:
            if self._started_in != os.getpid():
                start_process()
                self._started_in = os.getpid()
                # Not waited for: Keystone takes a quarter of a second for each password.
                threading.Thread(target=service_auth.log_in, name="log-in", daemon=True).start()


def _files_from_environment() -> list[str] | None:
    folder = os.environ.get("OS_NOVA_MINI_CONFIG_DIR", "").strip()
    names = os.environ.get("OS_NOVA_MINI_CONFIG_FILES", "").strip()
    if not folder and not names:
        return None
    files = [name for name in names.split(";") if name] or ["nova-mini.conf"]
    return [os.path.join(folder or "/etc/nova-mini", name) for name in files]
