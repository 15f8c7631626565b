"""``/os-assisted-volume-snapshots``"""

import json

import pytest

from nova_mini import db
from tests.unit.api.openstack.compute.conftest import IMAGE
from tests.unit.conftest import ADMIN
from tests.unit.volume import stub_cinder

PATH = "/os-assisted-volume-snapshots"
UUID = "e8debdc0-447a-4376-a10a-4cd9122d7986"


@pytest.fixture
def cinder():
    with stub_cinder.serving() as served:
        yield served


@pytest.fixture
def attach(cloud, cinder):
    """``attach(volume)`` boots a server that uses the volume."""

    def attach(volume):
        server_id = cloud.boot()
        cinder.attachments[server_id] = {"id": UUID, "instance": server_id, "volume_id": volume}
        row = {"instance_uuid": server_id, "volume_id": volume, "uuid": IMAGE}
        kind = {"source_type": "volume", "destination_type": "volume"}
        db.block_device_mappings.create({**row, **kind})
        return server_id

    return attach


@pytest.fixture
def volume(cinder, attach):
    volume_id = cinder.add_volume(status="in-use")
    attach(volume_id)
    return volume_id


def request(cloud, volume, snapshot_id, token=ADMIN, **changes):
    info = {"snapshot_id": snapshot_id, "type": "qcow2", "new_file": "new", **changes}
    body = {"snapshot": {"volume_id": volume, "create_info": info}}
    return cloud.api.post(PATH, body, token=token)


def delete(cloud, snapshot_id, info, version="2.1"):
    path = f"{PATH}/{snapshot_id}?delete_info={info}"
    return cloud.api.delete(path, token=ADMIN, version=version)


def test_cinder_is_told_that_no_host_can_make_it(cloud, cinder, volume):
    snapshot = cinder.add_snapshot(volume, status="creating")
    answer = request(cloud, volume, snapshot, id="mine")
    assert answer.status_int == 200, answer.text
    assert answer.json == {"snapshot": {"id": "mine", "volumeId": volume}}
    assert cinder.snapshots[snapshot]["status"] == "error"


def test_cinder_is_told_that_no_host_can_delete_it(cloud, cinder, volume):
    snapshot = cinder.add_snapshot(volume, status="deleting")
    assert delete(cloud, snapshot, json.dumps({"volume_id": volume})).status_int == 204
    assert cinder.snapshots[snapshot]["status"] == "error_deleting"


def test_a_snapshot_that_cinder_does_not_know(cloud, volume):
    answer = request(cloud, volume, UUID)
    assert answer.json == {"snapshot": {"id": None, "volumeId": volume}}


def test_a_volume_that_no_server_uses_is_400(cloud, cinder):
    unused = cinder.add_volume()
    assert request(cloud, unused, UUID).status_int == 400
    assert request(cloud, UUID, UUID).status_int == 400
    assert delete(cloud, UUID, json.dumps({"volume_id": unused})).status_int == 400


def test_a_volume_of_several_servers_is_400(cloud, cinder, volume):
    cinder.attachments["other"] = {"id": UUID, "instance": UUID, "volume_id": volume}
    assert "several servers" in request(cloud, volume, UUID).text


def test_a_server_that_is_busy_is_409(cloud, cinder, attach):
    volume = cinder.add_volume(status="in-use")
    cloud.set(attach(volume), task_state="rebuilding")
    snapshot = cinder.add_snapshot(volume, status="creating")
    assert request(cloud, volume, snapshot).status_int == 409
    assert cinder.snapshots[snapshot]["status"] == "creating"


@pytest.mark.parametrize("info", ["{", "[]", "{}", '{"volume_id":7}'])
def test_invalid_delete_info(cloud, cinder, info):
    assert delete(cloud, UUID, info).status_int == 400


def test_invalid_requests(cloud, cinder, volume):
    assert request(cloud, volume, UUID, type="raw").status_int == 400
    assert cloud.api.delete(f"{PATH}/{UUID}", token=ADMIN).status_int == 400
    unknown = f"{json.dumps({'volume_id': volume})}&other=1"
    assert delete(cloud, UUID, unknown, "2.75").status_int == 400
    assert delete(cloud, UUID, unknown, "2.74").status_int == 204


def test_users_may_not_request_it(cloud, cinder, volume):
    assert request(cloud, volume, UUID, token="user:project").status_int == 403
