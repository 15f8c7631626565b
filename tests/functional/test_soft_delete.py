"""Servers that are deleted, restored and reclaimed, in a cloud that keeps them for a while."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness.cloud import Cloud

SECONDS = 10
DELETED = "SOFT_DELETED"


@pytest.fixture(scope="module")
def cloud(engines, images, workspace) -> Iterator[Cloud]:
    options = {"DEFAULT": {"reclaim_instance_interval": SECONDS}}
    directory = workspace / "soft-delete"
    with clouds.running(engines, directory, images, computes=["c1"], options=options) as running:
        yield running


@pytest.fixture(scope="module")
def catalog(cloud, images) -> dict[str, str]:
    return make_catalog(cloud, images)


def delete(project, server_id: str) -> dict:
    project.user.delete(f"/servers/{server_id}")
    return project.user.wait_for(server_id, DELETED)


def used(project) -> int:
    return project.user.get("/limits")["limits"]["absolute"]["totalInstancesUsed"]


def test_a_deleted_server_is_restored(cloud, project):
    server_id = project.boot()
    server = delete(project, server_id)
    assert server["OS-EXT-STS:power_state"] == 4
    assert project.servers() == []
    assert used(project) == 0
    project.user.act(server_id, "restore")
    project.user.wait_for(server_id, "ACTIVE")
    assert cloud.guest("c1", server_id)["state"] == 1
    assert project.servers() == [server_id]
    assert used(project) == 1
    names = [each["event"] for each in project.events(server_id, "restore")]
    assert "compute_restore_instance" in names


def test_a_server_that_is_not_restored_is_reclaimed(cloud, project):
    server_id = project.boot()
    delete(project, server_id)
    project.user.wait_gone(server_id, SECONDS * 4)
    assert server_id not in cloud.guests("c1")


def test_a_forced_delete_does_not_wait(cloud, project):
    kept, running = project.boot(), project.boot()
    delete(project, kept)
    for server_id in (kept, running):
        project.user.act(server_id, "forceDelete")
        project.user.wait_gone(server_id, SECONDS / 2)
    assert not cloud.guests("c1")


def test_a_restore_needs_quota(project):
    server_id = project.boot()
    delete(project, server_id)
    path = f"/os-quota-sets/{project.id}"
    project.admin.put(path, {"quota_set": {"instances": 0, "force": True}})
    message = project.user.refusal(403, "POST", f"/servers/{server_id}/action", {"restore": None})
    assert "instances" in message
    project.user.act(server_id, "forceDelete")
    project.user.wait_gone(server_id)
