"""rescue and unrescue: response, intent, message and errors."""

from __future__ import annotations

import pytest

from nova_mini import db
from nova_mini.conf import CONF
from tests.unit.api.openstack.compute.conftest import HOST, IMAGE, OTHER_IMAGE
from tests.unit.api.openstack.compute.test_server_actions import conflict
from tests.unit.volume import stub_cinder

UNKNOWN = "5f1f4a1a-0000-4000-8000-00000000dead"


def refusal(cloud, server_id, arguments=None, version="2.87") -> str:
    answer = cloud.act(server_id, "rescue", arguments, version=version)
    assert answer.status_int == 400, answer.text
    assert cloud.row(server_id)["task_state"] is None
    assert cloud.bus.sent == []
    return answer.json["badRequest"]["message"]


@pytest.mark.parametrize("vm_state", ["active", "stopped", "error"])
def test_rescue_records_intent_and_casts(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    arguments = {"adminPass": "secret", "rescue_image_ref": OTHER_IMAGE}
    answer = cloud.act(server_id, "rescue", arguments, version="2.1")
    assert (answer.status_int, answer.json) == (200, {"adminPass": "secret"})
    begun = cloud.action(server_id)
    assert cloud.row(server_id)["task_state"] == "rescuing"
    assert (begun["action"], begun["method"], begun["host"]) == ("rescue", "rescue_instance", HOST)
    assert begun["args"]["image_ref"] == OTHER_IMAGE
    assert begun["args"]["admin_password"] == "secret"
    ids = {"instance_uuid": server_id, "action_id": begun["id"]}
    assert cloud.bus.sent == [("compute", HOST, "rescue_instance", ids)]


def test_a_password_is_made_and_the_image_is_the_servers_own(cloud):
    server_id = cloud.boot()
    answer = cloud.act(server_id, "rescue")
    args = cloud.action(server_id)["args"]
    assert answer.json["adminPass"] == args["admin_password"]
    assert len(args["admin_password"]) >= 12
    assert args["image_ref"] == IMAGE
    assert args["image"]["image_hw_disk_bus"] == "virtio"


def test_the_password_is_hidden_when_the_operator_says_so(cloud):
    CONF.set_override("enable_instance_password", False, group="api")
    try:
        answer = cloud.act(cloud.boot(), "rescue", {})
    finally:
        CONF.clear_override("enable_instance_password", group="api")
    assert (answer.status_int, answer.json) == (200, {})


def test_unrescue_records_intent_and_casts(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="rescued")
    answer = cloud.act(server_id, "unrescue", version="2.1")
    assert (answer.status_int, answer.body) == (202, b"")
    assert cloud.row(server_id)["task_state"] == "unrescuing"
    assert [sent[2] for sent in cloud.bus.sent] == ["unrescue_instance"]


@pytest.mark.parametrize("vm_state", ["paused", "suspended", "rescued", "shelved_offloaded"])
def test_rescue_in_wrong_state_is_409(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    assert conflict(cloud, server_id, "rescue") == (
        f"Cannot 'rescue' instance {server_id} while it is in vm_state {vm_state}"
    )


@pytest.mark.parametrize("vm_state", ["active", "stopped", "error"])
def test_unrescue_in_wrong_state_is_409(cloud, vm_state):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    assert f"in vm_state {vm_state}" in conflict(cloud, server_id, "unrescue")


REFUSED_WHILE_RESCUED = {
    "reboot": {"type": "HARD"},
    "os-stop": None,
    "os-start": None,
    "pause": None,
    "suspend": None,
    "rebuild": {"imageRef": IMAGE},
    "createImage": {"name": "copy"},
    "shelve": None,
}


@pytest.mark.parametrize("action", REFUSED_WHILE_RESCUED)
def test_a_rescued_server_refuses(cloud, action):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="rescued")
    answer = cloud.act(server_id, action, REFUSED_WHILE_RESCUED[action])
    assert answer.status_int == 409
    assert "in vm_state rescued" in answer.json["conflictingRequest"]["message"]


# -- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["queued", "killed"])
def test_an_image_that_is_not_active_is_400(cloud, status):
    server_id = cloud.boot()
    cloud.glance.images[OTHER_IMAGE]["status"] = status
    assert "is not active" in refusal(cloud, server_id, {"rescue_image_ref": OTHER_IMAGE})


def test_an_unknown_image_is_400(cloud):
    assert refusal(cloud, cloud.boot(), {"rescue_image_ref": UNKNOWN}) == (
        f"Requested rescue image '{UNKNOWN}' is not supported"
    )


def test_an_image_of_volume_snapshots_is_400(cloud):
    server_id = cloud.boot()
    cloud.glance.images[OTHER_IMAGE] |= {
        "block_device_mapping": '[{"boot_index": 0, "source_type": "snapshot", "snapshot_id": '
        f'"{UNKNOWN}", "destination_type": "volume"}}]',
        "bdm_v2": "True",
    }
    message = refusal(cloud, server_id, {"rescue_image_ref": OTHER_IMAGE})
    assert message == f"Requested rescue image '{OTHER_IMAGE}' is not supported"


@pytest.mark.parametrize(
    ("name", "value"),
    [("hw_rescue_bus", "fdc"), ("hw_rescue_device", "floppy"), ("hw_disk_bus", "warp")],
)
def test_hardware_that_no_guest_can_have_is_400(cloud, name, value):
    server_id = cloud.boot()
    cloud.glance.images[OTHER_IMAGE][name] = value
    message = refusal(cloud, server_id, {"rescue_image_ref": OTHER_IMAGE})
    assert f"{name}={value}" in message


@pytest.mark.parametrize(
    "arguments",
    [{"rescue_image_ref": "no-uuid"}, {"rescue_image_ref": ""}, {"adminPass": 1}, {"other": "x"}],
)
def test_a_wrong_body_is_400(cloud, arguments):
    refusal(cloud, cloud.boot(), arguments)


def test_a_compute_of_the_release_before_cannot_rescue(cloud):
    server_id = cloud.boot()
    db.query.update(db.models.services, {"version": 2})
    assert "cannot rescue servers" in refusal(cloud, server_id)


# -- volumes -------------------------------------------------------------------------------------


@pytest.fixture
def backed(cloud) -> str:
    """A server whose root disk is a volume, and an image for stable rescue."""
    cloud.glance.images[OTHER_IMAGE]["hw_rescue_device"] = "disk"
    with stub_cinder.serving() as cinder:
        server_id = cloud.boot()
        volume = cinder.add_volume(size=3, status="in-use")
        (row,) = db.block_device_mappings.get_by_instances([server_id])
        db.block_device_mappings.update(
            row["id"],
            {"destination_type": "volume", "volume_id": volume, "volume_size": 3},
        )
        cloud.set(server_id, image_ref=None)
        cloud.cinder, cloud.volume = cinder, volume
        yield server_id


def test_a_volume_backed_server_is_rescued_since_2_87_by_a_stable_device(cloud, backed):
    arguments = {"rescue_image_ref": OTHER_IMAGE}
    cannot = f"Instance {backed} cannot be rescued: Cannot rescue a volume-backed instance"
    assert refusal(cloud, backed, arguments, version="2.86") == cannot
    assert refusal(cloud, backed, {"rescue_image_ref": IMAGE}) == cannot
    assert cloud.act(backed, "rescue", arguments, version="2.87").status_int == 200
    assert cloud.action(backed)["args"]["max_disk_size"] == 3 << 30


def test_a_volume_that_is_not_in_use_is_409(cloud, backed):
    cloud.cinder.volumes[cloud.volume]["status"] = "detaching"
    answer = cloud.act(backed, "rescue", {"rescue_image_ref": OTHER_IMAGE})
    assert answer.status_int == 409
    assert "Currently in 'detaching' status" in answer.json["conflictingRequest"]["message"]
