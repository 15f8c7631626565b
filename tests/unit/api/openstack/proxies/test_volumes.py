"""``/os-volumes``, ``/os-snapshots``, ``/os-volumes_boot``."""

import pytest

from nova_mini.api.openstack.compute.router import APIRouterV21
from nova_mini.api.openstack.request import CONTEXT_KEY, Request
from tests.unit.conftest import make_context
from tests.unit.volume import stub_cinder

UUID = "e8debdc0-447a-4376-a10a-4cd9122d7986"
VOLUMES, SNAPSHOTS = "/os-volumes", "/os-snapshots"


@pytest.fixture
def cinder(database):
    with stub_cinder.serving() as served:
        yield served


def test_list_and_show_volumes(api, cinder):
    fields = {"name": "n", "description": "d", "volume_type": "fast", "metadata": {"a": "b"}}
    volume = cinder.add_volume(**fields, created_at="2026-01-01T00:00:00.000000")
    other = cinder.add_volume()
    view = {
        "id": volume,
        "status": "available",
        "size": 1,
        "availabilityZone": "nova",
        "createdAt": "2026-01-01T00:00:00.000000",
        "attachments": [{}],
        "displayName": "n",
        "displayDescription": "d",
        "volumeType": "fast",
        "snapshotId": None,
        "metadata": {"a": "b"},
    }
    assert api.get(f"{VOLUMES}/{volume}").json == {"volume": view}
    for path in (VOLUMES, f"{VOLUMES}/detail"):
        first, second = api.get(path).json["volumes"]
        assert (first, second["id"]) == (view, other)
        page = api.get(f"{path}?limit=1&offset=1").json["volumes"]
        assert [each["id"] for each in page] == [other]


def test_attachment_of_a_volume(api, cinder):
    volume = cinder.add_volume(status="in-use")
    cinder.attachments["a"] = {"id": "a", "volume_id": volume, "instance": UUID}
    (attachment,) = api.get(f"{VOLUMES}/{volume}").json["volume"]["attachments"]
    assert attachment == {"id": volume, "volumeId": volume, "serverId": UUID}


def test_create_volume(api, cinder):
    requested = {"size": "2", "display_name": "n", "metadata": {"a": "b"}}
    made = api.post(VOLUMES, {"volume": requested})
    assert made.status_int == 200, made.text
    volume = made.json["volume"]
    assert made.headers["Location"] == f"http://localhost/v2.1/os-volumes/{volume['id']}"
    sent = cinder.volumes[volume["id"]]["requested"]
    assert (sent["size"], sent["name"], sent["metadata"]) == ("2", "n", {"a": "b"})


def test_volume_of_a_snapshot(api, cinder):
    snapshot = cinder.add_snapshot(cinder.add_volume(), size=5)
    made = api.post(VOLUMES, {"volume": {"snapshot_id": snapshot, "size": 5}})
    sent = cinder.volumes[made.json["volume"]["id"]]["requested"]
    assert (sent["size"], sent["snapshot_id"]) == (5, snapshot)


@pytest.mark.parametrize(
    "volume",
    [
        {},
        {"size": 0},
        {"size": "x"},
        {"size": 1, "snapshot_id": "no-uuid"},
        {"size": 1, "more": "x"},
    ],
)
def test_invalid_volume(api, cinder, volume):
    assert api.post(VOLUMES, {"volume": volume}).status_int == 400


def test_refusals_of_cinder(api, cinder):
    refused = (413, {"overLimit": {"message": "too many", "code": 413}})
    cinder.failures[("POST", "/(volumes|snapshots)")] = [refused, refused]
    assert api.post(VOLUMES, {"volume": {"size": 1, "metadata": {}}}).status_int == 403
    snapshot = {"snapshot": {"volume_id": cinder.add_volume()}}
    assert api.post(SNAPSHOTS, snapshot).status_int == 403
    cinder.failures[("GET", "/volumes/detail")] = [(500, stub_cinder.FAILURE)] * 5
    assert api.get(VOLUMES).status_int == 503


def test_delete_volume(api, cinder):
    volume = cinder.add_volume(status="in-use")
    assert api.delete(f"{VOLUMES}/{volume}").status_int == 400
    cinder.volumes[volume]["status"] = "available"
    assert api.delete(f"{VOLUMES}/{volume}").status_int == 202
    assert not cinder.volumes
    assert api.delete(f"{VOLUMES}/{volume}").status_int == 404


@pytest.mark.parametrize("path", [VOLUMES, SNAPSHOTS])
@pytest.mark.parametrize("item_id", [UUID, "no-uuid", "..%2Ftypes"])
def test_unknown_volume_or_snapshot(api, cinder, path, item_id):
    assert api.get(f"{path}/{item_id}").status_int == 404
    assert api.delete(f"{path}/{item_id}").status_int == 404


def test_snapshots(api, cinder):
    volume = cinder.add_volume(size=3)
    body = {"snapshot": {"volume_id": volume, "display_name": "n", "force": "false"}}
    cinder.volumes[volume]["status"] = "in-use"
    assert api.post(SNAPSHOTS, body).status_int == 400
    body["snapshot"]["force"] = True
    made = api.post(SNAPSHOTS, body)
    assert made.status_int == 200, made.text
    snapshot = made.json["snapshot"]
    assert snapshot == {
        "id": snapshot["id"],
        "volumeId": volume,
        "status": "available",
        "size": 3,
        "createdAt": cinder.snapshots[snapshot["id"]]["created_at"],
        "displayName": "n",
        "displayDescription": None,
    }
    assert api.get(f"{SNAPSHOTS}/{snapshot['id']}").json == made.json
    for path in (SNAPSHOTS, f"{SNAPSHOTS}/detail"):
        assert api.get(path).json == {"snapshots": [snapshot]}
    assert api.delete(f"{SNAPSHOTS}/{snapshot['id']}").status_int == 202
    assert not cinder.snapshots


@pytest.mark.parametrize("snapshot", [{}, {"volume_id": "x"}, {"volume_id": UUID, "force": "so"}])
def test_invalid_snapshot(api, cinder, snapshot):
    assert api.post(SNAPSHOTS, {"snapshot": snapshot}).status_int == 400


def test_snapshot_of_an_unknown_volume(api, cinder):
    assert api.post(SNAPSHOTS, {"snapshot": {"volume_id": UUID}}).status_int == 404


# -- /os-volumes_boot ----------------------------------------------------------------------------

BOOT = "/os-volumes_boot"


def test_volumes_boot_is_another_path_of_servers(cloud):
    made = cloud.api.post(BOOT, cloud.body(), version="2.98")
    assert made.status_int == 202, made.text
    server_id = made.json["server"]["id"]
    cloud.built(server_id)
    listed = cloud.api.get(BOOT).json
    assert [each["id"] for each in listed["servers"]] == [server_id]
    assert cloud.api.get(f"{BOOT}/detail").json == cloud.api.get("/servers/detail").json
    assert cloud.api.get(f"{BOOT}/{server_id}").json["server"]["id"] == server_id
    act = cloud.api.post(f"{BOOT}/{server_id}/action", {"os-stop": None})
    assert act.status_int == 202
    assert cloud.api.get(f"{BOOT}/{server_id}/tags", version="2.98").status_int == 404


def test_volumes_boot_ended_in_2_103(cloud):
    assert cloud.api.get(BOOT, version="2.102").status_int == 200
    assert cloud.api.get(BOOT, version="2.103").status_int == 404


def test_volumes_boot_can_be_switched_off(database, override):
    override("enable_proxies", False, "api")
    req = Request.blank(BOOT)
    req.environ[CONTEXT_KEY] = make_context()
    assert APIRouterV21().respond(req).status_int == 404
