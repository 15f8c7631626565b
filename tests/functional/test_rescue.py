"""Servers that run from a rescue disk for a while."""

from __future__ import annotations

import pytest

RESCUE = "RESCUE"


def rescue(project, server_id: str, **arguments) -> dict:
    answer = project.user.act(server_id, "rescue", arguments or None, 200)
    project.user.wait_for(server_id, RESCUE)
    return answer


def guest(cloud, project, server_id: str) -> dict:
    return cloud.guest(project.host_of(server_id), server_id)


@pytest.mark.parametrize("before", [None, "os-stop"])
def test_a_server_is_rescued_and_runs_from_its_own_disk_again(cloud, project, catalog, before):
    server_id = project.boot()
    if before:
        project.user.act(server_id, before)
        project.user.wait_for(server_id, "SHUTOFF")
    answer = rescue(project, server_id, adminPass="s3cret", rescue_image_ref=catalog["image"])
    assert answer == {"adminPass": "s3cret"}
    server = project.user.show(server_id)
    assert server["OS-EXT-STS:vm_state"] == "rescued"
    assert server["OS-EXT-STS:power_state"] == 1
    assert guest(cloud, project, server_id)["rescue_image"] == catalog["image"]
    project.user.act(server_id, "unrescue")
    project.user.wait_for(server_id, "ACTIVE")
    assert guest(cloud, project, server_id)["rescue_image"] is None


def test_the_history_names_the_steps_and_holds_no_password(cloud, project):
    server_id = project.boot()
    rescue(project, server_id, adminPass="s3cret")
    names = [each["event"] for each in project.events(server_id, "rescue")]
    assert "compute_rescue_instance" in names
    assert "FakeDriver.rescue" in names
    rows = cloud.query("SELECT * FROM instance_actions WHERE instance_uuid = :u", u=server_id)
    assert "s3cret" not in str(rows)
    project.user.act(server_id, "unrescue")
    project.user.wait_for(server_id, "ACTIVE")
    names = [each["event"] for each in project.events(server_id, "unrescue")]
    assert "compute_unrescue_instance" in names


def test_what_a_rescued_server_allows(project):
    server_id = project.boot(name="broken")
    rescue(project, server_id)
    assert [s["id"] for s in project.user.get("/servers?status=RESCUE")["servers"]] == [server_id]
    project.user.act(server_id, "os-getConsoleOutput", {}, 200)
    for action, arguments in (
        ("rescue", None),
        ("reboot", {"type": "HARD"}),
        ("os-stop", None),
        ("os-start", None),
        ("pause", None),
        ("shelve", None),
        ("createImage", {"name": "copy"}),
    ):
        path = f"/servers/{server_id}/action"
        message = project.user.refusal(409, "POST", path, {action: arguments})
        assert "while it is in vm_state rescued" in message
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id)


def test_a_locked_server_is_neither_rescued_nor_unrescued(project):
    server_id = project.boot()
    project.user.act(server_id, "lock")
    path = f"/servers/{server_id}/action"
    assert "is locked" in project.user.refusal(409, "POST", path, {"rescue": None})
    project.user.act(server_id, "unlock")
    rescue(project, server_id)
    project.user.act(server_id, "lock")
    assert "is locked" in project.user.refusal(409, "POST", path, {"unrescue": None})
    project.user.act(server_id, "unlock")


def test_an_image_that_does_not_exist_is_400(project):
    server_id = project.boot()
    body = {"rescue": {"rescue_image_ref": "5f1f4a1a-0000-4000-8000-00000000dead"}}
    message = project.user.refusal(400, "POST", f"/servers/{server_id}/action", body)
    assert "rescue image" in message
    assert project.user.show(server_id)["status"] == "ACTIVE"
