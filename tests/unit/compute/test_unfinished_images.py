"""An image that nobody will finish goes, and what it was being made of; any other one stays."""

from __future__ import annotations

import pytest

from nova_mini import db
from nova_mini.conductor import unfinished_images
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.doctor import finding, images
from nova_mini.objects.instance_action import InstanceAction
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE
from tests.unit.compute.world import HOST, Killed, World


def new_request(world: World) -> None:
    world.context = RequestContext(
        user_id="user", project_id="project", auth_token="users-token", overwrite=False
    )


def begin_image(world: World, server: str) -> str:
    """Asked for, and nobody is at it yet."""
    new_request(world)
    image_id = world.api.snapshot(world.context, world.instance(server), "copy", {})
    world.casts.clear()
    return image_id


def cut_off(world: World, server: str) -> None:
    """No delete knows of its image."""
    instance = world.instance(server)
    instance.task_state = None
    InstanceAction.reset(world.context, instance)


def unfinished(glance) -> list[str]:
    return [image["id"] for image in glance.images.values() if image["status"] != "active"]


def history(server: str) -> list[str]:
    actions = db.actions.get_by_instance(server)
    return [
        event["details"]
        for event in db.actions.get_events([action["id"] for action in actions])
        if event["event"] == db.recoveries.LEFTOVER
    ]


def test_an_image_that_is_being_made_is_let_be(world, server, glance):
    image_id = begin_image(world, server)
    unfinished_images.discard_all()
    assert unfinished(glance) == [image_id]
    world.recover()
    assert unfinished(glance) == []
    assert image_id in glance.images


def test_the_image_of_a_server_that_is_deleted_goes_with_it(world, server, glance):
    begin_image(world, server)
    world.delete(server)
    assert glance.images.keys() == {IMAGE, OTHER_IMAGE}
    assert history(server) == []


def test_an_image_that_is_whole_outlives_its_server(world, server, glance):
    """Its maker died just before it could say so."""
    image_id = begin_image(world, server)
    glance.images[image_id]["status"] = "active"
    world.delete(server)
    assert image_id in glance.images


def test_a_delete_does_not_wait_for_glance(world, server, glance):
    begin_image(world, server)
    there = CONF.glance.endpoint_override
    CONF.set_override("endpoint_override", "http://127.0.0.1:1", group="glance")
    CONF.set_override("num_retries", 0, group="glance")
    world.delete(server)
    unfinished_images.discard_all()
    assert db.instances.get_by_uuid(server) is None and len(unfinished(glance)) == 1
    CONF.set_override("endpoint_override", there, group="glance")
    CONF.clear_override("num_retries", group="glance")
    unfinished_images.discard_all()
    assert unfinished(glance) == []


def test_the_image_of_a_task_that_was_reset_goes(world, server, glance):
    image_id = begin_image(world, server)
    cut_off(world, server)
    unfinished_images.discard_all()
    assert unfinished(glance) == []
    assert history(server) == [f"Its image {image_id} was never finished; it is deleted."]


def test_what_a_user_uploads_is_never_taken_for_ours(world, server, glance):
    """Its properties may be those of an image of ours: copied from one, for example."""
    image_id = begin_image(world, server)
    cut_off(world, server)
    theirs = {**glance.images[image_id], "id": IMAGE.replace("6", "7"), "status": "saving"}
    glance.images[theirs["id"]] = theirs
    unfinished_images.discard_all()
    assert unfinished(glance) == [theirs["id"]]


def test_one_that_was_finished_in_the_last_moment_stays(world, server, glance):
    image_id = begin_image(world, server)
    cut_off(world, server)
    found = unfinished_images.find()
    assert [image.id for image in found] == [image_id]
    glance.images[image_id]["status"] = "active"
    unfinished_images.discard(found[0])
    assert image_id in glance.images and history(server) == []


def test_the_record_stays_as_long_as_something_else_does(world, backed, glance):
    server, *_ = backed
    die_at("_snapshot_volumes", world, server)
    cut_off(world, server)
    refusal = 409, {"conflictingRequest": {"message": "it is being made", "code": 409}}
    world.cinder.failures["DELETE", "/snapshots/.*"] = [refusal]
    unfinished_images.discard_all()
    assert len(unfinished(glance)) == 1 and world.cinder.snapshots
    unfinished_images.discard_all()
    assert unfinished(glance) == [] and world.cinder.snapshots == {}


def die_at(moment: str, world: World, server: str) -> None:
    new_request(world)
    world.strike(moment)
    with pytest.raises(Killed):
        world.api.snapshot(world.context, world.instance(server), "copy", {})
        world.deliver()
    world.casts.clear()


def test_a_volume_goes_whose_snapshot_was_for_an_image_that_is_not_finished(world, backed, glance):
    """Cinder deletes no volume that has a snapshot."""
    server, root, data = backed
    delete = world.cinder._delete_volumes

    def without_snapshots(volume_id, **request):
        if any(each["volume_id"] == volume_id for each in world.cinder.snapshots.values()):
            raise ValueError("it has a snapshot")
        return delete(volume_id, **request)

    world.cinder._delete_volumes = without_snapshots
    for mapping in world.bdms(server):
        db.block_device_mappings.update(mapping["id"], {"delete_on_termination": True})
    die_at("_snapshot_volumes", world, server)
    assert len(world.cinder.snapshots) == 2
    world.start_compute()
    world.delete(server)
    assert (world.cinder.volumes, world.cinder.snapshots) == ({}, {})
    assert unfinished(glance) == []


@pytest.mark.parametrize("by_delete", [True, False])
def test_after_a_death_at_every_step_nothing_is_left(world, backed, glance, by_delete):
    """Killed over an image of volumes, and cut off before anybody goes on."""
    server, *_ = backed
    world.steps.clear()
    new_request(world)
    world.api.snapshot(world.context, world.instance(server), "copy", {})
    world.deliver()
    moments = list(dict.fromkeys(world.steps))
    assert {"API.create_snapshot", "_fill_image"} <= set(moments)
    for moment in moments:
        world.cinder.snapshots.clear()
        for image_id in glance.images.keys() - {IMAGE, OTHER_IMAGE}:
            del glance.images[image_id]
        die_at(moment, world, server)
        if by_delete:
            discard_as_its_delete_does(world, server)
        else:
            cut_off(world, server)
            unfinished_images.discard_all()
        made = [i for i in glance.images.values() if i["status"] == "active" and not i["size"]]
        assert unfinished(glance) == [], moment
        assert len(world.cinder.snapshots) == 2 * len(made), moment


def discard_as_its_delete_does(world: World, server: str) -> None:
    """And the server is there for the next time."""
    instance = world.instance(server)
    instance.task_state = "deleting"
    action = InstanceAction.begin(
        world.context, instance, "delete", method="x", host=HOST, args={}, expected_task_state=None
    )
    ids = db.actions.get(action.id)["args"].get("unfinished_images", [])
    unfinished_images.discard_of_deleted(instance, ids)
    cut_off(world, server)


def test_the_doctor_finds_it_and_deletes_it(world, server, glance):
    image_id = begin_image(world, server)
    assert images.look() == []
    cut_off(world, server)
    (one,) = images.look()
    assert (one.kind, one.subject) == ("unfinished-image", f"server {server}")
    assert image_id in one.problem and one.since is not None
    finding.fix([one])
    assert one.outcome == "fixed"
    assert unfinished(glance) == [] and images.look() == []
