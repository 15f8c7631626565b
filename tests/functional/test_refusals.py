"""Refused requests: their status codes and messages."""

from __future__ import annotations

import uuid

import pytest

_UNKNOWN = str(uuid.uuid4())


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"flavorRef": "none-such"}, "none-such"),
        ({"imageRef": _UNKNOWN}, _UNKNOWN),
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"min_count": 3, "max_count": 2}, "min_count"),
        ({"networks": "some"}, "networks"),
        ({"user_data": "not base64!"}, "user_data"),
        ({"metadata": {"k": "v" * 256}}, "field/attribute k"),
        ({"availability_zone": "nowhere"}, "availability zone"),
        ({"key_name": "no-such-key"}, "key"),
        ({"unknown": 1}, "unknown"),
        ({"tags": ["a,b"]}, "tags"),
    ],
)
def test_the_message_of_a_refused_server_names_the_cause(project, fields, word):
    message = project.user.refusal(400, "POST", "/servers", project.server(**fields))
    assert word.lower() in message.lower(), message
    assert project.servers() == []


def test_an_image_that_does_not_fit(project, images):
    image = images.add(min_ram=128)
    message = project.user.refusal(400, "POST", "/servers", project.server(imageRef=image))
    assert "memory" in message


def test_an_image_that_is_not_there_yet(project, images):
    image = images.add(status="queued")
    message = project.user.refusal(400, "POST", "/servers", project.server(imageRef=image))
    assert "not active" in message


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff\xfe", b'{"server": 1}', b""])
def test_a_body_that_is_no_request(project, body):
    response = project.user.request("POST", "/servers", body)
    assert response.status_code == 400
    assert response.json()["badRequest"]["message"]


def test_a_body_that_is_too_large(project):
    body = b'{"server": {"name": "' + b"x" * 200_000 + b'"}}'
    response = project.user.request("POST", "/servers", body)
    assert response.status_code == 413


def test_a_body_of_another_type(project):
    response = project.user.request(
        "POST", "/servers", b"<server/>", headers={"Content-Type": "application/xml"}
    )
    assert response.status_code == 415


def test_no_token(cloud):
    response = cloud.client(None).request("GET", "/servers")
    assert response.status_code == 401


def test_a_server_of_another_project_is_not_found(project, cloud):
    server_id = project.boot()
    stranger = cloud.client("stranger:elsewhere")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/os-instance-actions")):
        assert stranger.request(method, f"/servers/{server_id}{path}").status_code == 404
    response = stranger.request("POST", f"/servers/{server_id}/action", {"os-stop": None})
    assert response.status_code == 404
    assert stranger.get("/servers")["servers"] == []


_EVENT = {"name": "network-changed", "server_uuid": _UNKNOWN}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/os-services", None),
        ("GET", "/os-hypervisors", None),
        ("GET", "/servers?all_tenants=1", None),
        ("POST", "/flavors", {"flavor": {"name": "x", "vcpus": 1, "ram": 1, "disk": 1}}),
        ("POST", "/os-server-external-events", {"events": [_EVENT]}),
    ],
)
def test_requests_for_administrators(project, method, path, body):
    assert "Policy" in project.user.refusal(403, method, path, body)


@pytest.mark.parametrize("action", ["os-start", "unpause", "resume"])
def test_a_state_that_does_not_allow_it(project, action):
    server_id = project.boot()
    body = {action: None}
    message = project.user.refusal(409, "POST", f"/servers/{server_id}/action", body)
    assert "while it is in vm_state active" in message


def test_an_unknown_action(project):
    server_id = project.boot()
    project.user.refusal(400, "POST", f"/servers/{server_id}/action", {"fly": None})
    project.user.refusal(400, "POST", f"/servers/{server_id}/action", {})
    two = {"os-stop": None, "os-start": None}
    project.user.refusal(400, "POST", f"/servers/{server_id}/action", two)


@pytest.mark.parametrize("path", ["/servers/none", f"/servers/{_UNKNOWN}", "/flavors/none", "/no"])
def test_unknown_resources(project, path):
    assert project.user.request("GET", path).status_code == 404


def test_microversions(cloud, project):
    def ask(version: str):
        return cloud.client("user:p", version).request("GET", "/servers")

    newest = ask("latest").headers["OpenStack-API-Version"].split()[1]
    assert ask("2.1").headers["OpenStack-API-Version"] == "compute 2.1"
    assert ask(newest).status_code == 200
    refused = ask("2.9999")
    assert refused.status_code == 406
    assert newest in refused.json()["computeFault"]["message"]
    assert ask("two").status_code == 400


def test_a_field_is_there_from_its_microversion_on(cloud, project):
    server_id = project.boot()
    older, newer = (cloud.client(f"user:{project.id}", v) for v in ("2.18", "2.19"))
    assert "description" not in older.show(server_id)
    assert "description" in newer.show(server_id)
    body = project.server(description="too early")
    del body["server"]["networks"]
    older.refusal(400, "POST", "/servers", body)


def test_the_legacy_path_with_the_projects_id(cloud):
    project_id = uuid.uuid4().hex
    client = cloud.client(f"user:{project_id}")
    assert client.get(f"/{project_id}/servers") == {"servers": []}
    assert client.request("GET", f"/{uuid.uuid4().hex}/servers").status_code == 400
