"""nova-mini-api as a process: its clients, systemd and signals."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import os
import signal
import time

import psutil
import pytest

from tests.unit.wsgi.api_process import TIMEOUT, Api, wait


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    api = Api(tmp_path_factory.mktemp("api"))
    try:
        wait(lambda: api.get("/v2.1/flavors") == 200, "the API")
        yield api
    finally:
        api.close()


def test_systemd_is_notified(api):
    wait(lambda: api.systemd.when("READY=1"), "READY=1")
    wait(lambda: len(api.systemd.when("WATCHDOG=1")) >= 2, "WATCHDOG=1")


def test_compute_api_and_metadata_are_served(api):
    assert api.get("/healthcheck") == 200
    assert api.get("/v2.1/servers") == 200
    assert api.get("/healthcheck", api.metadata_port) == 200
    assert api.get("/v2.1/servers", api.metadata_port) != 200


@pytest.mark.parametrize("clients", [1, 40])  # 40: more than there are threads for
def test_keep_alive_connections(api, clients):
    def ask(_):
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
        with contextlib.closing(connection):
            return [_status(connection, "/healthcheck") for _ in range(20)]

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        assert list(pool.map(ask, range(clients))) == [[200] * 20] * clients


def test_idle_client_occupies_no_thread(api):
    """There are more idle clients than threads, and each gets a response to its next request."""
    silent = [http.client.HTTPConnection("127.0.0.1", api.port, timeout=20) for _ in range(40)]
    for again in range(2):
        assert [_status(each, "/healthcheck") for each in silent] == [200] * 40, again
    for each in silent:
        each.close()


def _status(connection, path) -> int:
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return response.status


def test_killed_worker_is_replaced(api):
    before = wait(lambda: len(api.workers()) == 2 and api.workers(), "two workers")
    os.kill(min(before), signal.SIGKILL)
    wait(lambda: len(api.workers() - before) == 1 and len(api.workers()) == 2, "its successor")
    assert api.get("/v2.1/flavors") == 200


def test_hanging_worker_is_replaced_and_stops_the_watchdog(api):
    before = wait(lambda: len(api.workers()) == 2 and api.workers(), "two workers")
    stuck = min(before)
    os.kill(stuck, signal.SIGSTOP)
    stopped = time.monotonic()
    wait(lambda: stuck not in api.workers(), "its end")
    ended = time.monotonic()
    silent = [at for at in api.systemd.when("WATCHDOG=1", stopped + 4) if at < ended - 0.5]
    assert not silent, "the watchdog was fed while a worker hung"
    wait(lambda: api.systemd.when("WATCHDOG=1", ended), "WATCHDOG=1")
    assert len(wait(lambda: len(api.workers()) == 2 and api.workers(), "two workers")) == 2


def test_sighup_reloads_the_configuration(api):
    before = api.workers()
    api.configure(workers=1)
    os.kill(api.process.pid, signal.SIGHUP)
    wait(lambda: len(api.workers()) == 1 and not api.workers() & before, "the new worker")
    assert api.get("/v2.1/flavors") == 200


def test_sigusr2_dumps_the_workers(api):
    before = api.workers()
    os.kill(api.process.pid, signal.SIGUSR2)
    log = api.config.parent / "api.log"
    wait(lambda: "Guru Meditation" in log.read_text(), "the dump")
    assert api.workers() == before


def test_sigterm_stops_the_server(api):
    workers = api.workers()
    api.process.terminate()
    assert api.process.wait(TIMEOUT) == 0
    assert api.systemd.when("STOPPING=1")
    assert not any(psutil.pid_exists(pid) for pid in workers)
