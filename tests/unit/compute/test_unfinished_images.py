"""Unfinished images are discarded with their snapshots; all other images stay."""

from __future__ import annotations

import pytest

from nova_mini import db
from nova_mini.actions import intents, operations
from nova_mini.actions.parameters import DeleteParameters
from nova_mini.conductor import unfinished_image_sweep
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.doctor import finding, images
from nova_mini.objects.instance_action import InstanceAction
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE
from tests.unit.compute.cloud_in_one_process import CloudInOneProcess, Killed


def new_request(cloud: CloudInOneProcess) -> None:
    cloud.context = RequestContext(
        user_id="user", project_id="project", auth_token="users-token", overwrite=False
    )


def begin_image(cloud: CloudInOneProcess, server: str) -> str:
    """Request an image; its cast is lost."""
    new_request(cloud)
    image_id = cloud.api.snapshot(cloud.context, cloud.instance(server), "copy", {})
    cloud.casts.clear()
    return image_id


def reset_task(cloud: CloudInOneProcess, server: str) -> None:
    """End the actions of the server, so that no delete discards its image."""
    instance = cloud.instance(server)
    instance.task_state = None
    InstanceAction.reset(cloud.context, instance)


def unfinished(glance) -> list[str]:
    return [image["id"] for image in glance.images.values() if image["status"] != "active"]


def history(server: str) -> list[str]:
    actions = db.actions.get_by_instance(server)
    return [
        event["details"]
        for event in db.actions.get_events([action["id"] for action in actions])
        if event["event"] == db.recoveries.ORPHAN_REMOVED
    ]


def test_an_image_whose_action_runs_is_not_discarded(cloud, server, glance):
    image_id = begin_image(cloud, server)
    unfinished_image_sweep.discard_all()
    assert unfinished(glance) == [image_id]
    cloud.recover()
    assert unfinished(glance) == []
    assert image_id in glance.images


def test_delete_discards_the_unfinished_image(cloud, server, glance):
    begin_image(cloud, server)
    cloud.delete(server)
    assert glance.images.keys() == {IMAGE, OTHER_IMAGE}
    assert history(server) == []


def test_a_complete_image_outlives_its_server(cloud, server, glance):
    """The host died just before it could end the action."""
    image_id = begin_image(cloud, server)
    glance.images[image_id]["status"] = "active"
    cloud.delete(server)
    assert image_id in glance.images


def test_delete_does_not_wait_for_glance(cloud, server, glance):
    begin_image(cloud, server)
    there = CONF.glance.endpoint_override
    CONF.set_override("endpoint_override", "http://127.0.0.1:1", group="glance")
    CONF.set_override("num_retries", 0, group="glance")
    cloud.delete(server)
    unfinished_image_sweep.discard_all()
    assert db.instances.get_by_uuid(server) is None and len(unfinished(glance)) == 1
    CONF.set_override("endpoint_override", there, group="glance")
    CONF.clear_override("num_retries", group="glance")
    unfinished_image_sweep.discard_all()
    assert unfinished(glance) == []


def test_the_image_of_a_reset_task_is_discarded(cloud, server, glance):
    image_id = begin_image(cloud, server)
    reset_task(cloud, server)
    unfinished_image_sweep.discard_all()
    assert unfinished(glance) == []
    assert history(server) == [f"The unfinished image {image_id} of the server was deleted."]


def test_images_of_users_are_not_discarded(cloud, server, glance):
    """Their properties may be copied from an image of a server."""
    image_id = begin_image(cloud, server)
    reset_task(cloud, server)
    users_image = {**glance.images[image_id], "id": IMAGE.replace("6", "7"), "status": "saving"}
    glance.images[users_image["id"]] = users_image
    unfinished_image_sweep.discard_all()
    assert unfinished(glance) == [users_image["id"]]


def test_an_image_that_becomes_active_is_not_discarded(cloud, server, glance):
    image_id = begin_image(cloud, server)
    reset_task(cloud, server)
    found = unfinished_image_sweep.find()
    assert [image.id for image in found] == [image_id]
    glance.images[image_id]["status"] = "active"
    unfinished_image_sweep.discard(found[0])
    assert image_id in glance.images and history(server) == []


def test_the_image_record_is_deleted_last(cloud, backed, glance):
    server, *_ = backed
    kill_snapshot_at("_snapshot_volumes", cloud, server)
    reset_task(cloud, server)
    refusal = 409, {"conflictingRequest": {"message": "it is being made", "code": 409}}
    cloud.cinder.failures["DELETE", "/snapshots/.*"] = [refusal]
    unfinished_image_sweep.discard_all()
    assert len(unfinished(glance)) == 1 and cloud.cinder.snapshots
    unfinished_image_sweep.discard_all()
    assert unfinished(glance) == [] and cloud.cinder.snapshots == {}


def kill_snapshot_at(point: str, cloud: CloudInOneProcess, server: str) -> None:
    new_request(cloud)
    cloud.kill_at(point)
    with pytest.raises(Killed):
        cloud.api.snapshot(cloud.context, cloud.instance(server), "copy", {})
        cloud.deliver()
    cloud.casts.clear()


def test_delete_removes_snapshots_of_an_unfinished_image_before_volumes(cloud, backed, glance):
    """Cinder refuses to delete a volume with snapshots."""
    server, root, data = backed
    delete = cloud.cinder._delete_volumes

    def without_snapshots(volume_id, **request):
        if any(each["volume_id"] == volume_id for each in cloud.cinder.snapshots.values()):
            raise ValueError("it has a snapshot")
        return delete(volume_id, **request)

    cloud.cinder._delete_volumes = without_snapshots
    for mapping in cloud.bdms(server):
        db.block_device_mappings.update(mapping["id"], {"delete_on_termination": True})
    kill_snapshot_at("_snapshot_volumes", cloud, server)
    assert len(cloud.cinder.snapshots) == 2
    cloud.start_compute()
    cloud.delete(server)
    assert (cloud.cinder.volumes, cloud.cinder.snapshots) == ({}, {})
    assert unfinished(glance) == []


@pytest.mark.parametrize("by_delete", [True, False])
def test_an_image_killed_at_every_step_leaves_nothing(cloud, backed, glance, by_delete):
    """A volume-backed image is killed, and its action ends before a host resumes it."""
    server, *_ = backed
    cloud.steps.clear()
    new_request(cloud)
    cloud.api.snapshot(cloud.context, cloud.instance(server), "copy", {})
    cloud.deliver()
    points = list(dict.fromkeys(cloud.steps))
    assert {"API.create_snapshot", "_fill_image"} <= set(points)
    for point in points:
        cloud.cinder.snapshots.clear()
        for image_id in glance.images.keys() - {IMAGE, OTHER_IMAGE}:
            del glance.images[image_id]
        kill_snapshot_at(point, cloud, server)
        if by_delete:
            discard_by_delete(cloud, server)
        else:
            reset_task(cloud, server)
            unfinished_image_sweep.discard_all()
        made = [i for i in glance.images.values() if i["status"] == "active" and not i["size"]]
        assert unfinished(glance) == [], point
        assert len(cloud.cinder.snapshots) == 2 * len(made), point


def discard_by_delete(cloud: CloudInOneProcess, server: str) -> None:
    """Discard the images as the delete of the server does, but keep the server."""
    instance = cloud.instance(server)
    instance.task_state = "deleting"
    action = intents.begin(
        cloud.context,
        instance,
        operations.DELETE,
        DeleteParameters(),
        expected_task_state=None,
    )
    ids = db.actions.get(action.id)["args"].get("unfinished_images", [])
    unfinished_image_sweep.discard_of_deleted(instance, ids)
    reset_task(cloud, server)


def test_the_doctor_finds_and_discards_an_unfinished_image(cloud, server, glance):
    image_id = begin_image(cloud, server)
    assert images.audit() == []
    reset_task(cloud, server)
    (one,) = images.audit()
    assert (one.kind, one.subject) == ("unfinished-image", f"server {server}")
    assert image_id in one.problem and one.since is not None
    finding.fix([one])
    assert one.outcome == "fixed"
    assert unfinished(glance) == [] and images.audit() == []
