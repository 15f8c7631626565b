"""External events of Neutron and Cinder."""

from __future__ import annotations

import uuid


def _events(*server_ids: str, name: str = "network-changed") -> dict:
    return {"events": [{"name": name, "server_uuid": each} for each in server_ids]}


def test_an_event_reaches_the_host(cloud, project):
    server_id = project.boot()
    response = cloud.admin.post("/os-server-external-events", _events(server_id))
    assert [(e["code"], e["status"]) for e in response["events"]] == [(200, "completed")]


def test_events_of_unknown_servers(cloud, project):
    server_id = project.boot()
    mixed = _events(server_id, str(uuid.uuid4()))
    response = cloud.admin.post("/os-server-external-events", mixed, 207)
    assert [event["code"] for event in response["events"]] == [200, 404]
    unknown = _events(str(uuid.uuid4()))
    response = cloud.admin.post("/os-server-external-events", unknown, 207)
    assert [event["code"] for event in response["events"]] == [404]


def test_an_event_of_a_server_without_a_host(cloud, project):
    server_id = project.create(metadata={"fake:fail_spawn_on": "*"})
    project.user.wait_for(server_id, "ERROR")
    response = cloud.admin.post("/os-server-external-events", _events(server_id), 207)
    assert [event["code"] for event in response["events"]] == [422]


def test_an_unknown_event(cloud, project):
    body = _events(project.boot(), name="coffee-ready")
    cloud.admin.refusal(400, "POST", "/os-server-external-events", body)
