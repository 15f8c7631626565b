"""The life of servers, over HTTP."""

from __future__ import annotations

import base64

import pytest


def test_a_server_is_created_built_shown_and_deleted(project, catalog):
    fields = project.server(
        name="web",
        description="a test",
        metadata={"role": "web"},
        tags=["blue"],
        user_data=base64.b64encode(b"#!/bin/sh").decode(),
    )
    created = project.user.post("/servers", fields, 202)["server"]
    assert created["adminPass"]
    assert created["OS-DCF:diskConfig"] == "MANUAL"

    server = project.user.wait_for(created["id"], "ACTIVE")
    assert server["name"] == "web"
    assert server["description"] == "a test"
    assert server["metadata"] == {"role": "web"}
    assert server["tags"] == ["blue"]
    assert server["image"]["id"] == catalog["image"]
    assert server["flavor"]["original_name"] == "tiny"
    assert server["flavor"]["ram"] == 64
    assert server["OS-EXT-STS:power_state"] == 1
    assert server["OS-SRV-USG:launched_at"]
    assert "fault" not in server

    project.user.delete(f"/servers/{created['id']}")
    project.user.wait_gone(created["id"])
    assert project.servers() == []


def test_the_response_to_create_has_the_location_of_the_server(project):
    response = project.user.request("POST", "/servers", project.server())
    server = response.json()["server"]
    assert response.headers["Location"].endswith(f"/servers/{server['id']}")
    assert response.headers["x-compute-request-id"].startswith("req-")
    project.user.wait_for(server["id"], "ACTIVE")


def test_many_servers_of_one_request(project):
    body = project.server(name="n", min_count=3, max_count=3, return_reservation_id=True)
    reservation = project.user.post("/servers", body, 202)["reservation_id"]
    found = project.user.get(f"/servers?reservation_id={reservation}")["servers"]
    assert sorted(server["name"] for server in found) == ["n-1", "n-2", "n-3"]
    for server in found:
        project.user.wait_for(server["id"], "ACTIVE")


def test_lists_pages_filters_and_details(project):
    first, second = project.boot(name="first"), project.boot(name="second")
    project.user.act(first, "os-stop")
    project.user.wait_for(first, "SHUTOFF")

    assert set(project.servers()) == {first, second}
    by_status = project.user.get("/servers?status=SHUTOFF")["servers"]
    assert [server["id"] for server in by_status] == [first]
    by_name = project.user.get("/servers/detail?name=sec")["servers"]
    assert [server["id"] for server in by_name] == [second]

    page = project.user.get("/servers?limit=1&sort_key=display_name&sort_dir=asc")
    assert [server["id"] for server in page["servers"]] == [first]
    following = page["servers_links"][0]["href"].split("/v2.1")[1]
    assert [s["id"] for s in project.user.get(following)["servers"]] == [second]


def test_an_update_changes_the_record(project):
    server_id = project.boot()
    changes = {"server": {"name": "renamed", "description": "new", "accessIPv4": "192.0.2.1"}}
    assert project.user.put(f"/servers/{server_id}", changes)["server"]["name"] == "renamed"
    server = project.user.show(server_id)
    assert (server["description"], server["accessIPv4"]) == ("new", "192.0.2.1")


@pytest.mark.parametrize(
    ("action", "arguments", "between", "after", "back", "back_status"),
    [
        ("os-stop", None, "SHUTOFF", 4, "os-start", "ACTIVE"),
        ("pause", None, "PAUSED", 3, "unpause", "ACTIVE"),
        ("suspend", None, "SUSPENDED", 4, "resume", "ACTIVE"),
        ("reboot", {"type": "SOFT"}, "ACTIVE", 1, "os-stop", "SHUTOFF"),
        ("reboot", {"type": "HARD"}, "ACTIVE", 1, "os-stop", "SHUTOFF"),
    ],
)
def test_power(project, action, arguments, between, after, back, back_status):
    server_id = project.boot()
    project.user.act(server_id, action, arguments)
    server = project.user.wait_for(server_id, between)
    assert server["OS-EXT-STS:power_state"] == after
    project.user.act(server_id, back)
    project.user.wait_for(server_id, back_status)


def test_a_reboot_reaches_the_guest(project):
    server_id = project.boot()
    project.user.act(server_id, "reboot", {"type": "HARD"})
    project.user.wait_for(server_id, "ACTIVE")
    assert "reboot HARD" in _console(project, server_id)


def test_the_console_output_is_the_guests(project):
    server_id = project.boot()
    project.user.act(server_id, "os-stop")
    project.user.wait_for(server_id, "SHUTOFF")
    assert "booted" in _console(project, server_id)
    assert "power off" in _console(project, server_id)
    assert "booted" not in _console(project, server_id, length=2)


def _console(project, server_id: str, length: int | None = None) -> str:
    return project.user.act(server_id, "os-getConsoleOutput", {"length": length}, 200)["output"]


def test_a_rebuild_takes_another_image_and_keeps_the_server(project, images):
    server_id = project.boot()
    other = images.add(name="other")
    project.user.act(server_id, "rebuild", {"imageRef": other, "metadata": {"new": "yes"}})
    server = project.user.wait_for(server_id, "ACTIVE")
    assert server["image"]["id"] == other
    assert server["metadata"] == {"new": "yes"}


def test_a_rebuild_of_a_stopped_server_leaves_it_stopped(project, catalog):
    server_id = project.boot()
    project.user.act(server_id, "os-stop")
    project.user.wait_for(server_id, "SHUTOFF")
    project.user.act(server_id, "rebuild", {"imageRef": catalog["image"]})
    assert project.user.wait_for(server_id, "SHUTOFF")["OS-EXT-STS:power_state"] == 4


def test_an_image_is_made_of_a_server(project, images):
    server_id = project.boot()
    image_id = project.user.act(server_id, "createImage", {"name": "copy"})["image_id"]
    project.user.wait_for(server_id, "ACTIVE")
    image = images.get(image_id)
    assert (image["name"], image["status"]) == ("copy", "active")
    assert image["size"] > 0


def test_a_locked_server_is_left_alone(project):
    server_id = project.boot()
    project.admin.act(server_id, "lock", {"locked_reason": "mine"})
    server = project.user.show(server_id)
    assert (server["locked"], server["locked_reason"]) == (True, "mine")
    body = {"os-stop": None}
    message = project.user.refusal(409, "POST", f"/servers/{server_id}/action", body)
    assert "locked" in message
    project.user.refusal(409, "DELETE", f"/servers/{server_id}")
    project.admin.act(server_id, "unlock")
    project.user.act(server_id, "os-stop")
    project.user.wait_for(server_id, "SHUTOFF")


def test_an_administrator_resets_a_state(project):
    server_id = project.boot()
    project.admin.act(server_id, "os-resetState", {"state": "error"})
    assert project.user.show(server_id)["status"] == "ERROR"
    project.user.act(server_id, "reboot", {"type": "HARD"})
    project.user.wait_for(server_id, "ACTIVE")


def test_metadata_of_a_server(project):
    server_id = project.boot(metadata={"a": "1"})
    path = f"/servers/{server_id}/metadata"
    assert project.user.post(path, {"metadata": {"b": "2"}})["metadata"] == {"a": "1", "b": "2"}
    assert project.user.put(f"{path}/a", {"meta": {"a": "3"}})["meta"] == {"a": "3"}
    project.user.delete(f"{path}/b")
    assert project.user.get(path)["metadata"] == {"a": "3"}
    assert project.user.put(path, {"metadata": {"c": "4"}})["metadata"] == {"c": "4"}
    project.user.refusal(404, "GET", f"{path}/a")


def test_tags_of_a_server(project):
    server_id = project.boot()
    path = f"/servers/{server_id}/tags"
    assert project.user.put(path, {"tags": ["red", "blue"]})["tags"] == ["blue", "red"]
    project.user.put(f"{path}/green", expect=201)
    project.user.delete(f"{path}/red")
    assert sorted(project.user.get(path)["tags"]) == ["blue", "green"]
    found = project.user.get("/servers?tags=green")["servers"]
    assert [server["id"] for server in found] == [server_id]
    project.user.delete(path)
    assert project.user.get(path)["tags"] == []


def test_addresses_of_a_server_without_networks(project):
    server_id = project.boot()
    assert project.user.show(server_id)["addresses"] == {}
    assert project.user.get(f"/servers/{server_id}/ips")["addresses"] == {}
    assert project.user.get(f"/servers/{server_id}/os-interface")["interfaceAttachments"] == []


def test_the_history_shows_every_action(project):
    server_id = project.boot()
    project.user.act(server_id, "os-stop")
    project.user.wait_for(server_id, "SHUTOFF")
    actions = project.user.get(f"/servers/{server_id}/os-instance-actions")["instanceActions"]
    assert [action["action"] for action in actions] == ["stop", "create"]
    assert all(action["message"] is None for action in actions)

    events = project.events(server_id, "create")
    assert {event["result"] for event in events} == {"Success"}
    ran = next(e for e in events if e["event"] == "compute_build_and_run_instance")
    assert ran["host"] == project.host_of(server_id)
    assert ran["start_time"] <= ran["finish_time"]


def test_a_deleted_server_keeps_its_history_for_administrators(project):
    server_id = project.boot()
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id)
    deleted = project.admin.get("/servers/detail?deleted=true")["servers"]
    assert {"id": server_id, "status": "DELETED"}.items() <= deleted[0].items()
    actions = project.admin.get(f"/servers/{server_id}/os-instance-actions")["instanceActions"]
    assert actions[0]["action"] == "delete"


def test_the_newest_backups_are_kept(project, images):
    server_id = project.boot()
    made = []
    for _ in range(3):
        arguments = {"name": "b", "backup_type": "daily", "rotation": 2}
        made.append(project.user.act(server_id, "createBackup", arguments)["image_id"])
        project.user.wait_for(server_id, "ACTIVE")
    assert set(made) & images.ids() == set(made[1:])
    assert images.get(made[2])["image_type"] == "backup"
    names = [each["event"] for each in project.events(server_id, "createBackup")]
    assert "compute_backup_instance" in names
