"""The image API against an HTTP server with scripted answers, including lost connections."""

import hashlib
import io
import json
import os

import pytest

from nova_mini import context, exception
from nova_mini.image import glance
from tests.unit import rest_server
from tests.unit.rest_server import HANG_UP

IMAGE = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"
DATA = b"head" + bytes(3 * 1024 * 1024) + b"tail"


class Glance:
    """Responds by ``script``: {(method, path): [response, ...]}; the last response is repeated."""

    def __init__(self):
        self.script = {}
        self.seen = []

    def respond(self, method, path, query, headers, body):
        self.seen.append((method, path, headers, body))
        responses = self.script.get((method, path), [(404, b"{}")])
        return responses.pop(0) if len(responses) > 1 else responses[0]


@pytest.fixture
def server():
    stub = Glance()
    with rest_server.serving("glance", stub.respond):
        yield stub


@pytest.fixture
def ctxt():
    return context.RequestContext(auth_token="users-token", user_id="u", project_id="p")


def record(**fields):
    image = {
        "id": IMAGE,
        "name": "cirros",
        "status": "active",
        "size": len(DATA),
        "disk_format": "raw",
        "container_format": "bare",
        "min_disk": 1,
        "min_ram": 64,
        "hw_disk_bus": "virtio",
        "self": "/v2/images/x",
        "direct_url": "file:///secret/place",
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(DATA).hexdigest(),
    }
    return (200, json.dumps({**image, **fields}).encode())


URL = f"/v2/images/{IMAGE}"


def test_get_uses_the_users_token_and_hides_locations(server, ctxt):
    server.script["GET", URL] = [record()]
    image = glance.API().get(ctxt, IMAGE)
    assert (image.name, image.size, image.min_ram) == ("cirros", len(DATA), 64)
    assert image.properties == {"hw_disk_bus": "virtio"}
    assert image.direct_url is None and image.locations is None
    assert server.seen[0][2]["X-Auth-Token"] == "users-token"


def test_locations_are_read_on_request_also_from_the_older_api(server, ctxt):
    server.script["GET", URL] = [record()]
    server.script["GET", URL + "/locations"] = [(403, b"{}")]
    image = glance.API().get(ctxt, IMAGE, include_locations=True)
    assert image.locations == [{"url": "file:///secret/place", "metadata": {}}]
    server.script["GET", URL + "/locations"] = [(200, b'[{"url": "rbd://a/b/c/snap"}]')]
    image = glance.API().get(ctxt, IMAGE, include_locations=True)
    assert image.locations == [{"url": "rbd://a/b/c/snap"}]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, exception.ImageNotFound),
        (403, exception.ImageNotAuthorized),
        (401, exception.ImageNotAuthorized),
        (400, exception.ImageBadRequest),
        (500, exception.GlanceConnectionFailed),
    ],
)
def test_http_errors_are_translated(server, ctxt, status, error):
    server.script["GET", URL] = [(status, b"{}")]
    with pytest.raises(error):
        glance.API().get(ctxt, IMAGE)


def test_an_id_that_is_no_uuid_is_not_sent_to_glance(server, ctxt):
    with pytest.raises(exception.ImageNotFound):
        glance.API().get(ctxt, "../../v3/users")
    assert server.seen == []


def test_a_request_is_retried_after_a_lost_connection(server, ctxt):
    server.script["GET", URL] = [HANG_UP, record()]
    assert glance.API().get(ctxt, IMAGE).id == IMAGE
    assert len(server.seen) == 2


def test_download_verifies_the_data_and_writes_a_sparse_file(server, ctxt, tmp_path):
    server.script["GET", URL] = [record()]
    server.script["GET", URL + "/file"] = [(200, DATA)]
    target = tmp_path / "base"
    glance.API().download(ctxt, IMAGE, str(target))
    assert target.read_bytes() == DATA
    assert os.stat(target).st_blocks * 512 < len(DATA) // 2


def test_download_of_wrong_data_leaves_no_file(server, ctxt, tmp_path):
    server.script["GET", URL] = [record()]
    server.script["GET", URL + "/file"] = [(200, DATA[:-1] + b"!")]
    with pytest.raises(exception.ImageUnacceptable, match="sha512"):
        glance.API().download(ctxt, IMAGE, str(tmp_path / "base"))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_download_is_retried(server, ctxt, tmp_path):
    server.script["GET", URL] = [record()]
    server.script["GET", URL + "/file"] = [(200, DATA[:100_000], len(DATA)), (200, DATA)]
    glance.API().download(ctxt, IMAGE, str(tmp_path / "base"))
    assert (tmp_path / "base").read_bytes() == DATA


def test_download_fails_after_all_retries_and_leaves_no_file(server, ctxt, tmp_path):
    server.script["GET", URL] = [record()]
    server.script["GET", URL + "/file"] = [(200, DATA[:100_000], len(DATA))]
    with pytest.raises(exception.GlanceConnectionFailed):
        glance.API().download(ctxt, IMAGE, str(tmp_path / "base"))
    assert list(tmp_path.iterdir()) == []


def test_download_of_a_queued_image_is_refused(server, ctxt, tmp_path):
    server.script["GET", URL] = [record(status="queued")]
    with pytest.raises(exception.ImageNotActive):
        glance.API().download(ctxt, IMAGE, str(tmp_path / "base"))


def test_create_with_an_id_is_idempotent(server, ctxt):
    server.script["POST", "/v2/images"] = [HANG_UP, (409, b"{}")]
    server.script["GET", URL] = [record(status="queued")]
    image = glance.API().create(ctxt, {"id": IMAGE, "name": "snap", "hw_disk_bus": "virtio"})
    assert (image.id, image.status) == (IMAGE, "queued")


def test_list_unfinished_reads_all_pages(server, ctxt):
    def page(name, **more):
        image = {"id": IMAGE, "name": name, "status": "queued", "instance_uuid": "i"}
        return 200, json.dumps({"images": [image], **more}).encode()

    more = {"next": "/v2/images?marker=x&limit=1000&status=in:queued,saving"}
    server.script["GET", "/v2/images"] = [page("one", **more), page("two")]
    found = glance.API().list_unfinished(ctxt)
    assert [(image.name, image.properties) for image in found] == [
        ("one", {"instance_uuid": "i"}),
        ("two", {"instance_uuid": "i"}),
    ]
    tokens = [headers.get("X-Auth-Token") for _method, _path, headers, _body in server.seen]
    assert "users-token" not in tokens, "the user sees no images of others"


def test_update_adds_replaces_and_removes(server, ctxt):
    server.script["GET", URL] = [record()]
    server.script["PATCH", URL] = [record()]
    glance.API().update(ctxt, IMAGE, name="new", os_type="linux", hw_disk_bus=None, gone=None)
    assert json.loads(server.seen[-1][3]) == [
        {"op": "replace", "path": "/name", "value": "new"},
        {"op": "add", "path": "/os_type", "value": "linux"},
        {"op": "remove", "path": "/hw_disk_bus"},
    ]


def test_upload_succeeds_without_an_answer_if_the_image_is_active(server, ctxt):
    server.script["PUT", URL + "/file"] = [HANG_UP]
    server.script["GET", URL] = [record()]
    glance.API().upload(ctxt, IMAGE, io.BytesIO(DATA))
    assert server.seen[0][3] == DATA
    server.script["GET", URL] = [record(status="queued")]
    with pytest.raises(exception.GlanceConnectionFailed):
        glance.API().upload(ctxt, IMAGE, io.BytesIO(DATA))


def test_delete_ignores_a_missing_image_but_not_a_protected_one(server, ctxt):
    glance.API().delete(ctxt, IMAGE)
    server.script["DELETE", URL] = [(403, b"{}")]
    with pytest.raises(exception.ImageNotAuthorized):
        glance.API().delete(ctxt, IMAGE)


# -- locations -----------------------------------------------------------------------------------

LOCATION = "rbd://fsid/images/name/snap"


def test_add_location_waits_until_the_image_is_active(server, ctxt, monkeypatch):
    monkeypatch.setattr(glance, "_POLL_SECONDS", 0.01)
    server.script["POST", f"{URL}/locations"] = [(202, b"{}")]
    server.script["GET", URL] = [record(status="queued"), record(status="importing"), record()]
    glance.API().add_location(ctxt, IMAGE, LOCATION)
    bodies = [body for method, _path, _headers, body in server.seen if method == "POST"]
    assert [json.loads(body) for body in bodies] == [{"url": LOCATION}]


def test_add_location_is_idempotent(server, ctxt):
    server.script["POST", f"{URL}/locations"] = [(409, b"{}")]
    server.script["GET", URL] = [record()]
    glance.API().add_location(ctxt, IMAGE, LOCATION)


@pytest.mark.parametrize(
    ("code", "error"), [(403, exception.ImageNotAuthorized), (400, exception.ImageBadRequest)]
)
def test_a_location_that_glance_refuses(server, ctxt, code, error):
    server.script["POST", f"{URL}/locations"] = [(code, b"{}")]
    with pytest.raises(error):
        glance.API().add_location(ctxt, IMAGE, LOCATION)


def test_add_location_fails_if_the_image_does_not_become_active(server, ctxt, monkeypatch):
    monkeypatch.setattr(glance, "_ACTIVATION_SECONDS", 0)
    server.script["POST", f"{URL}/locations"] = [(202, b"{}")]
    server.script["GET", URL] = [record(status="queued")]
    with pytest.raises(exception.GlanceConnectionFailed):
        glance.API().add_location(ctxt, IMAGE, LOCATION)
