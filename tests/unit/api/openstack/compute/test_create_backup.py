"""createBackup: response, intent, the record of the image, and errors."""

from __future__ import annotations

import pytest

from nova_mini import db
from tests.unit.api.openstack.compute.conftest import HOST

BACKUP = {"name": "b", "backup_type": "daily", "rotation": 2}


def test_createbackup_records_intent_and_casts(cloud):
    server_id = cloud.boot()
    metadata = {"a": "1", "image_type": "mine", "instance_uuid": "another"}
    answer = cloud.act(server_id, "createBackup", {**BACKUP, "metadata": metadata}, version="2.45")
    assert answer.status_int == 202
    image_id = answer.json["image_id"]
    begun = cloud.action(server_id)
    assert (begun["action"], begun["method"], begun["host"]) == (
        "createBackup",
        "backup_instance",
        HOST,
    )
    assert begun["args"] == {"image_id": image_id, "backup_type": "daily", "rotation": 2}
    assert cloud.row(server_id)["task_state"] == "image_backup"
    assert cloud.bus.methods() == ["backup_instance"]
    image = cloud.glance.images[image_id]
    assert (image["name"], image["status"], image["a"]) == ("b", "queued", "1")
    assert (image["image_type"], image["backup_type"]) == ("backup", "daily")
    assert image["instance_uuid"] == server_id


@pytest.mark.parametrize(("rotation", "is_located"), [(2, True), ("1", True), (0, False)])
def test_before_2_45_a_header_names_an_image_that_is_kept(cloud, rotation, is_located):
    answer = cloud.act(cloud.boot(), "createBackup", {**BACKUP, "rotation": rotation})
    assert (answer.status_int, answer.body) == (202, b"")
    assert ("Location" in answer.headers) is is_located


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**BACKUP, "rotation": -1},
        {**BACKUP, "rotation": "many"},
        {**BACKUP, "name": ""},
        {**BACKUP, "backup_type": None},
        {**BACKUP, "other": 1},
    ],
)
def test_a_wrong_body_is_400(cloud, body):
    assert cloud.act(cloud.boot(), "createBackup", body).status_int == 400


def test_a_server_on_a_volume_is_400(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, image_ref=None)
    answer = cloud.act(server_id, "createBackup", BACKUP)
    assert answer.status_int == 400
    assert "volume-backed" in answer.json["badRequest"]["message"]


def test_a_server_in_another_state_is_409(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state="rescued")
    assert cloud.act(server_id, "createBackup", BACKUP).status_int == 409
    cloud.set(server_id, vm_state="active")
    db.query.update(db.models.services, {"version": 3})
    answer = cloud.act(server_id, "createBackup", BACKUP)
    assert "must be upgraded" in answer.json["conflictingRequest"]["message"]


def test_an_image_that_glance_refuses_leaves_the_server_idle(cloud):
    server_id = cloud.boot()
    cloud.glance.refuses = 413
    assert cloud.act(server_id, "createBackup", BACKUP).status_int in (403, 413)
    assert cloud.row(server_id)["task_state"] is None
    assert cloud.bus.sent == []
