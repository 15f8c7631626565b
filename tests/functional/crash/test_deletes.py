"""A server can be deleted during every other operation."""

from __future__ import annotations

import time
from concurrent import futures

import pytest

from tests.functional.crash.conftest import HOST
from tests.functional.harness import oracle

_SECONDS = 40


def _delete(project, server_id: str) -> int:
    return project.user.request("DELETE", f"/servers/{server_id}").status_code


@pytest.mark.parametrize("milliseconds", [0, 5, 10, 20, 30, 40, 60, 80, 120])
def test_during_its_build(cloud, project, milliseconds):
    server_id = project.create()
    time.sleep(milliseconds / 1000)
    assert _delete(project, server_id) == 204
    project.user.wait_gone(server_id, _SECONDS)
    oracle.assert_clean(cloud)


@pytest.mark.parametrize(
    "moment",
    ["ResourceTracker.instance_claim", "FakeDriver.spawn", "ComputeManager.build_and_run_instance"],
)
def test_a_delete_while_the_host_is_dead_during_the_build(cloud, project, moment):
    host = cloud.computes[HOST]
    host.inject_at(moment)
    server_id = project.admin.post(
        "/servers", project.server(availability_zone=f"nova:{HOST}"), 202
    )["server"]["id"]
    host.wait_injected(moment)
    host.process.wait_dead(10)
    assert _delete(project, server_id) == 204
    host.start()
    project.user.wait_gone(server_id, _SECONDS)
    oracle.assert_clean(cloud)


def test_while_there_is_no_scheduler(cloud, project):
    cloud.scheduler.kill()
    server_id = project.create()
    assert _delete(project, server_id) == 204
    project.user.wait_gone(server_id, _SECONDS)
    cloud.scheduler.start()
    oracle.assert_clean(cloud)


def test_many_concurrent_deletes(cloud, project):
    server_id = project.boot()
    with futures.ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda _: _delete(project, server_id), range(6)))
    assert 204 in codes
    assert set(codes) <= {204, 404}
    project.user.wait_gone(server_id, _SECONDS)
    oracle.assert_clean(cloud)
    actions = cloud.query(
        "SELECT id FROM instance_actions WHERE instance_uuid = :uuid AND action = 'delete'",
        uuid=server_id,
    )
    assert len(actions) == 1


@pytest.mark.parametrize("action", ["os-stop", "pause", "suspend"])
def test_during_another_action(cloud, project, action):
    server_id = project.boot()
    project.user.act(server_id, action)
    assert _delete(project, server_id) == 204
    project.user.wait_gone(server_id, _SECONDS)
    oracle.assert_clean(cloud)


def test_one_that_is_in_error(cloud, project):
    server_id = project.create(metadata={"fake:fail_spawn_on": "*"})
    project.user.wait_for(server_id, "ERROR")
    assert _delete(project, server_id) == 204
    project.user.wait_gone(server_id, _SECONDS)
    oracle.assert_clean(cloud)
