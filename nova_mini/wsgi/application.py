"""Prepares a process to run the applications, under nova-mini-api or another WSGI server."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nova_mini import rpc, service, service_auth
from nova_mini.api import wsgi_app
from nova_mini.conf import CONF
from nova_mini.db import session
from nova_mini.notifications import watch_instances

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def start_process() -> None:
    """Set up database and RPC. Each worker calls it after the fork, because connections cannot be
    shared between processes."""
    session.configure(CONF)
    rpc.init()
    watch_instances()


class Application:
    """An application for any WSGI server.

    The configuration is read when the object is created; each process connects at its first
    request. The configuration files are those in ``OS_NOVA_MINI_CONFIG_FILES`` (separated by ";")
    of the directory ``OS_NOVA_MINI_CONFIG_DIR``. If neither is set, oslo.config searches its
    default paths, for example /etc/nova-mini/nova-mini.conf.
    """

    def __init__(self, name: str):
        service.read_configuration([], _files_from_environment())
        self._application = wsgi_app.load(name)
        self._started_in: int | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._started_in != os.getpid():
            self._start()
        return self._application(environ, start_response)

    def _start(self) -> None:
        with self._lock:
            if self._started_in != os.getpid():
                start_process()
                atexit.register(rpc.cleanup)
                self._started_in = os.getpid()
                # In a thread, because Keystone takes a quarter of a second for each password.
                threading.Thread(target=service_auth.log_in, name="log-in", daemon=True).start()


def _files_from_environment() -> list[str] | None:
    directory = os.environ.get("OS_NOVA_MINI_CONFIG_DIR", "").strip()
    names = os.environ.get("OS_NOVA_MINI_CONFIG_FILES", "").strip()
    if not directory and not names:
        return None
    files = [name for name in names.split(";") if name] or ["nova-mini.conf"]
    return [os.path.join(directory or "/etc/nova-mini", name) for name in files]
