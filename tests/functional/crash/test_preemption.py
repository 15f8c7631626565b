"""A guest that does not answer blocks no urgent operation, also when the compute is killed."""

from __future__ import annotations

import pytest

from tests.functional.crash.conftest import HOST
from tests.functional.harness import oracle
from tests.functional.harness.waiting import until

_SECONDS = 45  # a guest gets two minutes to answer a soft reboot


@pytest.fixture
def unresponsive(project) -> str:
    """A server in a soft reboot whose guest ignores the request to shut down."""
    server = project.server(availability_zone=f"nova:{HOST}", metadata={"fake:deaf": "yes"})
    server_id = project.admin.post("/servers", server, 202)["server"]["id"]
    project.user.wait_for(server_id, "ACTIVE")
    project.user.act(server_id, "reboot", {"type": "SOFT"})
    until("the guest is asked", lambda: _task(project, server_id) == "reboot_started", _SECONDS)
    return server_id


def _task(project, server_id: str) -> str | None:
    return project.user.show(server_id)["OS-EXT-STS:task_state"]


@pytest.mark.parametrize(
    "moment", [None, "InstanceAction.put_back", "FakeDriver.reboot", "InstanceAction.has_later"]
)
def test_a_hard_reboot_does_not_wait_for_a_soft_one(cloud, project, unresponsive, moment):
    host = cloud.computes[HOST]
    if moment:
        host.inject_at(moment)
    project.user.act(unresponsive, "reboot", {"type": "HARD"})
    if moment:
        host.wait_injected(moment)
        host.process.wait_dead(_SECONDS)
        host.start()
    project.user.wait_for(unresponsive, "ACTIVE", _SECONDS)
    until("both are done", lambda: not _unfinished(cloud, unresponsive), _SECONDS)
    oracle.assert_clean(cloud)
    assert "reboot SOFT" not in cloud.guest(HOST, unresponsive)["console"]


def _unfinished(cloud, server_id: str) -> list[dict]:
    statement = "SELECT id FROM instance_actions WHERE instance_uuid = :u AND finish_time IS NULL"
    return cloud.query(statement, u=server_id)


def test_a_delete_does_not_wait_for_it(cloud, project, unresponsive):
    project.user.delete(f"/servers/{unresponsive}")
    project.user.wait_gone(unresponsive, _SECONDS)
    oracle.assert_clean(cloud)
