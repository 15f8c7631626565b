"""nova-mini-api as a separate process, with SQLite and without a broker."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import psutil
import sqlalchemy

from nova_mini.db import models

_PASTE = pathlib.Path(__file__).parents[3] / "etc" / "nova-mini" / "api-paste.ini"
TIMEOUT = 60  # seconds, on a busy machine


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait(condition, description):
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {description}")


class Systemd(threading.Thread):
    """The other end of the notification socket."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.messages: list[tuple[float, str]] = []

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                message = self._socket.recv(4096).decode()
                self.messages += [(time.monotonic(), line) for line in message.splitlines()]

    def when(self, message, since=0.0):
        return [at for at, text in self.messages if text == message and at > since]


class Api:
    """``options``: more lines of its configuration file."""

    def __init__(self, folder, options=""):
        self._options = options
        self.port, self.metadata_port = free_port(), free_port()
        self.config = folder / "nova-mini.conf"
        self.configure(workers=2)
        engine = sqlalchemy.create_engine(f"sqlite:///{folder}/nova.db")
        models.metadata.create_all(engine)
        engine.dispose()
        self.systemd = Systemd(folder / "notify")
        self.systemd.start()
        self._log = (folder / "api.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nova_mini.cmd.api", "--config-file", str(self.config)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "9000000"},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def configure(self, workers):
        folder = self.config.parent
        self.config.write_text(f"""
[DEFAULT]
osapi_compute_listen_port = {self.port}
metadata_listen_port = {self.metadata_port}
osapi_compute_workers = {workers}
transport_url = fake:/
[wsgi]
api_paste_config = {_PASTE}
worker_timeout = 3
[api]
auth_strategy = noauth2
[database]
connection = sqlite:///{folder}/nova.db
[oslo_messaging_notifications]
driver = noop
[neutron]
endpoint_override = http://127.0.0.1:9
{self._options}
""")

    def get(self, path, port=None) -> int | None:
        url = f"http://127.0.0.1:{port or self.port}{path}"
        request = urllib.request.Request(url, headers={"X-Auth-Token": "user:project"})
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status
        except urllib.error.HTTPError as exc:
            return exc.code
        except OSError:
            return None

    def workers(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()
