"""A project never exceeds its quota, also with concurrent requests."""

from __future__ import annotations

import collections
from concurrent import futures

import pytest


@pytest.fixture
def limit_servers(project):
    def limit(count: int) -> None:
        body = {"quota_set": {"instances": count}}
        project.admin.put(f"/os-quota-sets/{project.id}", body)

    return limit


def test_a_server_too_many_is_refused(project, limit_servers):
    limit_servers(1)
    project.boot()
    message = project.user.refusal(403, "POST", "/servers", project.server())
    assert "Quota exceeded for instances" in message
    used = project.user.get("/limits")["limits"]["absolute"]
    assert (used["totalInstancesUsed"], used["maxTotalInstances"]) == (1, 1)


def test_as_many_as_the_quota_allows(project, limit_servers):
    limit_servers(2)
    project.user.post("/servers", project.server(min_count=1, max_count=5), 202)
    assert len(project.servers()) == 2


def test_requests_at_the_same_time_never_exceed_the_quota(project, limit_servers):
    limit_servers(3)
    with futures.ThreadPoolExecutor(8) as pool:
        requests = [
            pool.submit(project.user.request, "POST", "/servers", project.server())
            for _ in range(16)
        ]
    codes = collections.Counter(each.result().status_code for each in requests)
    assert codes == {202: 3, 403: 13}
    assert len(project.servers()) == 3
    for server_id in project.servers():
        project.user.wait_for(server_id, "ACTIVE")


def test_a_deleted_server_gives_its_share_back(project, limit_servers):
    limit_servers(1)
    server_id = project.boot()
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id)
    project.boot()


def test_cores_and_memory_are_counted(project):
    limits = {"quota_set": {"cores": 1, "ram": 64}}
    project.admin.put(f"/os-quota-sets/{project.id}", limits)
    project.boot()
    message = project.user.refusal(403, "POST", "/servers", project.server())
    assert "cores" in message
    detail = project.user.get(f"/os-quota-sets/{project.id}/detail")["quota_set"]
    assert (detail["cores"]["in_use"], detail["ram"]["in_use"]) == (1, 64)
