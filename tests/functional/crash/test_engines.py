"""The broker, the database, or all processes are killed during many concurrent requests."""

from __future__ import annotations

from concurrent import futures

import pytest
import requests

from tests.functional.harness import oracle

_BURST = 12
_SECONDS = 60


def _ask(project) -> str | None:
    """Request a server. Returns its id; None if the request was not accepted."""
    try:
        response = project.user.request("POST", "/servers", project.server())
    except requests.RequestException:
        return None
    assert response.status_code in (202, 503), response.text
    return response.json()["server"]["id"] if response.status_code == 202 else None


def _burst(project, inject) -> list[str]:
    """Request servers, and call ``inject()`` after the first response. Returns their ids."""
    with futures.ThreadPoolExecutor(4) as pool:
        pending = [pool.submit(_ask, project) for _ in range(_BURST)]
        next(futures.as_completed(pending))
        inject()
        return [each.result() for each in pending if each.result()]


def _assert_all_active(cloud, project, accepted: list[str]) -> None:
    assert accepted
    for server_id in {*accepted, *project.servers()}:
        project.user.wait_for(server_id, "ACTIVE", _SECONDS)
    oracle.assert_clean(cloud)


def test_the_broker_is_killed(cloud, project):
    broker = cloud.engines.rabbitmq

    def inject() -> None:
        broker.process.kill()
        broker.start()
        broker.wait_ready()

    _assert_all_active(cloud, project, _burst(project, inject))


def test_the_database_is_killed(cloud, project):
    database = cloud.engines.mariadb

    def inject() -> None:
        database.process.kill()
        database.start()
        database.wait_ready()

    _assert_all_active(cloud, project, _burst(project, inject))


def test_the_first_requests_after_a_restart_of_the_database_succeed(cloud, project):
    """The connections in the pools are those to the killed server."""
    database = cloud.engines.mariadb

    def ask(number: int) -> int:
        body = project.server() if number % 2 else None
        return project.user.request("POST" if body else "GET", "/servers", body).status_code

    with futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(24))) == {200, 202}
        for server_id in project.servers():
            project.user.wait_for(server_id, "ACTIVE", _SECONDS)
        database.process.kill()
        database.start()
        database.wait_ready()
        assert set(pool.map(ask, range(24))) == {200, 202}
    _assert_all_active(cloud, project, project.servers())


def test_everything_is_killed_at_once(cloud, project):
    engines = cloud.engines

    def inject() -> None:
        for daemon in cloud.daemons:
            daemon.kill()
        engines.rabbitmq.process.kill()
        engines.mariadb.process.kill()

    accepted = _burst(project, inject)
    engines.mariadb.start()
    engines.rabbitmq.start()
    cloud.repair()
    _assert_all_active(cloud, project, accepted)


@pytest.mark.parametrize("name", ["api", "conductor", "scheduler", "c1"])
def test_an_orderly_restart_loses_nothing(cloud, project, name):
    daemon = next(each for each in cloud.daemons if each.name == name)

    def inject() -> None:
        assert daemon.stop() == 0
        daemon.start()

    _assert_all_active(cloud, project, _burst(project, inject))
