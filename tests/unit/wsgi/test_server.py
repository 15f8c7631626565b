"""nova-mini-api as a process: what systemd, its clients and its operator see of it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import psutil
import pytest
import sqlalchemy

from nova_mini.db import models

_PASTE = pathlib.Path(__file__).parents[3] / "etc" / "nova-mini" / "api-paste.ini"
_PATIENCE = 60  # seconds, on a busy machine


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _wait(condition, what):
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


class Systemd(threading.Thread):
    """The other end of the notification socket."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.told: list[tuple[float, str]] = []

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                message = self._socket.recv(4096).decode()
                self.told += [(time.monotonic(), line) for line in message.splitlines()]

    def when(self, message, since=0.0):
        return [at for at, told in self.told if told == message and at > since]


class Api:
    def __init__(self, folder):
        self.port, self.metadata_port = _free_port(), _free_port()
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
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip

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
""")

    def get(self, path, port=None) -> int | None:
        url = f"http://127.0.0.1:{port or self.port}{path}"
        request = urllib.request.Request(url, headers={"X-Auth-Token": "user:project"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status
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
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    api = Api(tmp_path_factory.mktemp("api"))
    try:
        _wait(lambda: api.get("/v2.1/flavors") == 200, "the API")
        yield api
    finally:
        api.close()


def test_systemd_is_told(api):
    _wait(lambda: api.systemd.when("READY=1"), "READY=1")
    _wait(lambda: len(api.systemd.when("WATCHDOG=1")) >= 2, "WATCHDOG=1")


def test_both_apis_are_served(api):
    assert api.get("/healthcheck") == 200
    assert api.get("/v2.1/servers") == 200
    assert api.get("/healthcheck", api.metadata_port) == 200
    assert api.get("/v2.1/servers", api.metadata_port) != 200


@pytest.mark.parametrize("clients", [1, 40])  # 40: more than there are threads for
def test_clients_that_ask_again_at_once(api, clients):
    def ask(_):
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
        with contextlib.closing(connection):
            return [_status(connection, "/healthcheck") for _ in range(20)]

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        assert list(pool.map(ask, range(clients))) == [[200] * 20] * clients


def test_a_client_that_is_silent_keeps_no_thread(api):
    """More of them than there are threads; each is answered when it asks again."""
    silent = [http.client.HTTPConnection("127.0.0.1", api.port, timeout=20) for _ in range(40)]
    for again in range(2):
        assert [_status(each, "/healthcheck") for each in silent] == [200] * 40, again
    for each in silent:
        each.close()


def _status(connection, path) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_a_killed_worker_is_replaced(api):
    before = _wait(lambda: len(api.workers()) == 2 and api.workers(), "two workers")
    os.kill(min(before), signal.SIGKILL)
    _wait(lambda: len(api.workers() - before) == 1 and len(api.workers()) == 2, "its successor")
    assert api.get("/v2.1/flavors") == 200


def test_a_worker_that_hangs_is_replaced_and_feeds_no_watchdog(api):
    before = _wait(lambda: len(api.workers()) == 2 and api.workers(), "two workers")
    stuck = min(before)
    os.kill(stuck, signal.SIGSTOP)
    stopped = time.monotonic()
    _wait(lambda: stuck not in api.workers(), "its end")
    ended = time.monotonic()
    silent = [at for at in api.systemd.when("WATCHDOG=1", stopped + 4) if at < ended - 0.5]
    assert not silent, "the watchdog was fed while a worker hung"
    _wait(lambda: api.systemd.when("WATCHDOG=1", ended), "WATCHDOG=1")
    assert len(_wait(lambda: len(api.workers()) == 2 and api.workers(), "two workers")) == 2


def test_a_hangup_reads_the_configuration_again(api):
    before = api.workers()
    api.configure(workers=1)
    os.kill(api.process.pid, signal.SIGHUP)
    _wait(lambda: len(api.workers()) == 1 and not api.workers() & before, "the new worker")
    assert api.get("/v2.1/flavors") == 200


def test_a_dump_of_the_workers(api):
    before = api.workers()
    os.kill(api.process.pid, signal.SIGUSR2)
    log = api.config.parent / "api.log"
    _wait(lambda: "Guru Meditation" in log.read_text(), "the dump")
    assert api.workers() == before


def test_it_ends_when_it_is_told(api):
    workers = api.workers()
    api.process.terminate()
    assert api.process.wait(_PATIENCE) == 0
    assert api.systemd.when("STOPPING=1")
    assert not any(psutil.pid_exists(pid) for pid in workers)
