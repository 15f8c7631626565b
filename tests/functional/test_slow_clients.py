"""Clients that are idle, slow to send or slow to read do not delay other clients."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import socket
import sqlite3
import statistics
import time
from collections.abc import Iterator

import pytest

from tests.functional.harness import slow_clients
from tests.functional.harness.network import ADDRESS
from tests.unit.wsgi.api_process import Api, wait

_REQUESTS = 60
_TIMEOUT = 5.0  # seconds for one request, on a busy machine
_TOKEN = {"X-Auth-Token": "user:project"}
_FLAVORS = 400


@pytest.fixture(scope="module")
def mute() -> Iterator[socket.socket]:
    """A service that accepts connections and never answers."""
    with socket.create_server((ADDRESS, 0), backlog=64) as listening:
        yield listening


@pytest.fixture(scope="module")
def api(tmp_path_factory, mute) -> Iterator[Api]:
    """An API whose Neutron is ``mute``: the metadata service waits for it."""
    options = f"""
[neutron]
endpoint_override = http://{ADDRESS}:{mute.getsockname()[1]}
[DEFAULT]
graceful_shutdown_timeout = 1
"""
    api = Api(tmp_path_factory.mktemp("slow"), options)
    try:
        wait(lambda: api.get("/v2.1/flavors") == 200, "the API")
        _make_flavors(api)
        yield api
    finally:
        api.close()


def _make_flavors(api: Api) -> None:
    """Insert so many flavors that their list has 200 kB."""
    with contextlib.closing(_database(api)) as database, database:
        database.executemany(
            "INSERT INTO flavors (flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap,"
            " rxtx_factor, disabled, is_public, extra_specs, created_at)"
            " VALUES (?, ?, 1, 1, 1, 0, 0, 1.0, 0, 1, '{}', '2026-01-01')",
            [(f"f{number}", f"flavor-{number}") for number in range(_FLAVORS)],
        )


def _database(api: Api, **options) -> sqlite3.Connection:
    return sqlite3.connect(api.config.parent / "nova.db", **options)


def _times(port: int, path: str, keep: bool) -> list[float]:
    """Send requests one after the other. Returns the duration of each in seconds."""
    times = []
    connection = None
    for _ in range(_REQUESTS):
        began = time.perf_counter()
        connection = connection or http.client.HTTPConnection(ADDRESS, port, timeout=_TIMEOUT)
        connection.request("GET", path, headers=_TOKEN)
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        times.append(time.perf_counter() - began)
        if not keep:
            connection.close()
            connection = None
    return times


@pytest.mark.parametrize(
    "kinds",
    [
        {"idle": 300, "header": 300},
        {"idle": 100, "body": 200, "chunked": 200},
        {"reader": 20},
    ],
    ids="+".join,
)
def test_a_client_of_the_api_beside_slow_ones(api, kinds):
    quiet = statistics.median(_times(api.port, "/v2.1/servers", True))
    with slow_clients.running(api.port, **kinds):
        for keep in (True, False):
            times = _times(api.port, "/v2.1/servers", keep)
            assert statistics.median(times) < 2 * quiet + 0.2  # others use this machine too


def test_a_guest_beside_slow_ones(api):
    with slow_clients.running(api.metadata_port, idle=100, header=100, body=100, chunked=100):
        times = _times(api.metadata_port, "/", False)
        assert statistics.median(times) < 0.1


def test_metadata_while_every_thread_of_the_api_waits(api):
    """The database is locked, so requests to the API wait; the metadata service responds."""
    with contextlib.closing(_database(api, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        with _waiting(api.port, "/v2.1/flavors", 40):
            assert max(_times(api.metadata_port, "/", False)) < _TIMEOUT


def test_the_api_while_every_thread_of_metadata_waits(api, mute):
    """Neutron does not answer, so requests of guests wait; the API responds."""
    with _waiting(api.metadata_port, "/latest/meta-data/", 20):
        assert max(_times(api.port, "/v2.1/servers", False)) < _TIMEOUT


@contextlib.contextmanager
def _waiting(port: int, path: str, clients: int) -> Iterator[None]:
    """Send ``count`` requests that get no response before the end of the block."""
    lines = [socket.create_connection((ADDRESS, port)) for _ in range(clients)]
    try:
        for line in lines:
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: u:p\r\n\r\n".encode())
        time.sleep(0.5)
        yield
        waiting = [line for line in lines if not _has_answer(line)]
        assert waiting, "nothing waited: this test has shown nothing"
    finally:
        for line in lines:
            line.close()


def _has_answer(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return bool(line.recv(1))
    except BlockingIOError:
        return False


def test_many_requests_without_a_token_do_not_delay_others(api):
    """Requests without a token take too little time to delay requests with one."""
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        flood = [pool.submit(_times, api.port, path, False) for path in ("/healthcheck", "/") * 5]
        times = _times(api.port, "/v2.1/servers", True)
        assert max(times) < _TIMEOUT
        for each in flood:
            each.result()
