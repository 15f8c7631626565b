"""Servers are shelved, offloaded and unshelved."""

from __future__ import annotations

import pytest

from tests.functional.harness.waiting import until

SHELVED = "SHELVED_OFFLOADED"


def shelved_image(cloud, server_id: str) -> str | None:
    (row,) = cloud.query(
        "SELECT JSON_VALUE(system_metadata, '$.shelved_image_id') AS id FROM instances"
        " WHERE uuid = :uuid",
        uuid=server_id,
    )
    return row["id"]


def shelve(project, server_id: str) -> dict:
    project.user.act(server_id, "shelve")
    return project.user.wait_for(server_id, SHELVED)


@pytest.mark.parametrize("before", [None, "os-stop", "pause", "suspend"])
def test_a_server_is_shelved_and_is_on_no_host(cloud, project, images, before):
    server_id = project.boot(name="web", metadata={"a": "1"}, tags=["t"])
    host = project.host_of(server_id)
    if before:
        project.user.act(server_id, before)
        until("it is idle", lambda: project.user.show(server_id)["status"] != "ACTIVE", 10)
    shelve(project, server_id)
    server = project.admin.show(server_id)
    assert server["OS-EXT-SRV-ATTR:host"] is None
    assert server["OS-EXT-SRV-ATTR:hypervisor_hostname"] is None
    assert server["OS-EXT-STS:power_state"] == 0
    assert (server["metadata"], server["tags"]) == ({"a": "1"}, ["t"])
    assert server_id not in cloud.guests(host)
    assert not cloud.query("SELECT * FROM allocations WHERE consumer_uuid = :u", u=server_id)
    image = images.get(shelved_image(cloud, server_id))
    assert (image["name"], image["status"]) == ("web-shelved", "active")
    assert image["owner"] == project.id


def test_a_server_is_unshelved_from_its_image(cloud, project, catalog):
    server_id = project.boot(name="web")
    shelve(project, server_id)
    cloud.damage("UPDATE instances SET launched_at = '2020-01-01' WHERE uuid = :u", u=server_id)
    image_id = shelved_image(cloud, server_id)
    project.user.act(server_id, "unshelve")
    server = project.user.wait_for(server_id, "ACTIVE")
    assert server["image"]["id"] == catalog["image"]
    assert server["OS-SRV-USG:launched_at"] > "2021"
    assert server["OS-EXT-STS:power_state"] == 1
    host = project.host_of(server_id)
    assert cloud.guest(host, server_id)["image"] == image_id
    assert image_id not in cloud.images.ids()
    assert shelved_image(cloud, server_id) is None
    shelve(project, server_id)  # and again
    project.user.act(server_id, "unshelve")
    project.user.wait_for(server_id, "ACTIVE")


def test_the_shelved_image_is_deleted_with_its_server(cloud, project):
    server_id = project.boot()
    shelve(project, server_id)
    image_id = shelved_image(cloud, server_id)
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id)
    assert image_id not in cloud.images.ids()


def test_to_a_host_of_choice(project):
    server_id = project.boot()
    for host in ("c1", "c2", "c1"):
        shelve(project, server_id)
        project.admin.act(server_id, "unshelve", {"host": host})
        project.user.wait_for(server_id, "ACTIVE")
        assert project.host_of(server_id) == host


def test_no_host_can_have_it(cloud, project):
    server_id = project.boot()
    shelve(project, server_id)
    services = cloud.admin.get("/os-services?binary=nova-compute")["services"]
    path = "/os-services/{id}".format_map
    for service in services:
        cloud.admin.put(path(service), {"status": "disabled"})
    try:
        project.user.act(server_id, "unshelve")
        project.user.wait_for(server_id, SHELVED)
    finally:
        for service in services:
            cloud.admin.put(path(service), {"status": "enabled"})
    history = project.user.get(f"/servers/{server_id}/os-instance-actions")["instanceActions"]
    assert (history[0]["action"], history[0]["message"]) == ("unshelve", "Error")
    (event,) = [e for e in project.events(server_id, "unshelve") if e["result"] == "Error"]
    assert "No valid host" in event["details"]
    project.user.act(server_id, "unshelve")
    project.user.wait_for(server_id, "ACTIVE")


def test_a_failed_unshelve_leaves_the_server_shelved(cloud, project):
    server_id = project.boot()
    shelve(project, server_id)
    image_id = shelved_image(cloud, server_id)
    cloud.damage(
        "UPDATE instances SET metadata = :metadata WHERE uuid = :uuid",
        metadata='{"fake:fail_spawn_on": "*"}',
        uuid=server_id,
    )
    project.user.act(server_id, "unshelve")
    project.user.wait_for(server_id, SHELVED)
    assert project.host_of(server_id) is None
    assert image_id in cloud.images.ids()
    cloud.damage("UPDATE instances SET metadata = '{}' WHERE uuid = :uuid", uuid=server_id)
    project.user.act(server_id, "unshelve")
    project.user.wait_for(server_id, "ACTIVE")


def test_operations_that_an_offloaded_server_refuses(project):
    server_id = project.boot()
    shelve(project, server_id)
    for action, argument in (
        ("os-start", None),
        ("os-stop", None),
        ("reboot", {"type": "HARD"}),
        ("pause", None),
        ("shelve", None),
        ("createImage", {"name": "i"}),
        ("rebuild", {"imageRef": "x"}),
    ):
        body = {action: argument}
        if action == "rebuild":
            body = {"rebuild": {"imageRef": project.user.show(server_id)["image"]["id"]}}
        path = f"/servers/{server_id}/action"
        message = project.user.refusal(409, "POST", path, body)
        assert "vm_state shelved_offloaded" in message, action
    project.admin.refusal(409, "POST", f"/servers/{server_id}/action", {"shelveOffload": None})
    assert project.user.show(server_id)["status"] == SHELVED


def test_quota_and_lists_count_it(project):
    server_id = project.boot()
    used = project.user.get("/limits")["limits"]["absolute"]["totalInstancesUsed"]
    shelve(project, server_id)
    assert project.user.get("/limits")["limits"]["absolute"]["totalInstancesUsed"] == used
    found = project.user.get(f"/servers?status={SHELVED}")["servers"]
    assert [server["id"] for server in found] == [server_id]


def test_a_locked_server_is_shelved_by_administrators_alone(project):
    server_id = project.boot()
    project.user.act(server_id, "lock")
    message = project.user.refusal(409, "POST", f"/servers/{server_id}/action", {"shelve": None})
    assert "locked" in message
    project.admin.act(server_id, "shelve")
    project.user.wait_for(server_id, SHELVED)
    project.user.act(server_id, "unlock")
