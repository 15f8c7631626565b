"""Servers that run from volumes: made images of, and rebuilt from images; and killed in between."""

import json

import pytest

from nova_mini import db
from nova_mini.compute.rebuild_request import RebuildRequest
from nova_mini.compute.volume_backed_image import mappings_of
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE
from tests.unit.compute.world import Killed
from tests.unit.volume.stub_cinder import LOST


def make_image(world, server, name="copy") -> str:
    image_id = world.api.snapshot(world.context, world.instance(server), name, {})
    world.deliver()
    return image_id


def check_idle(world, server) -> None:
    assert world.unfinished() == []
    assert world.instance(server).task_state is None


def test_an_image_names_a_snapshot_of_each_volume(world, backed, glance):
    server, root, data = backed
    image = glance.images[make_image(world, server)]
    check_idle(world, server)
    assert (image["status"], image["size"]) == ("active", 0)
    assert (image["disk_format"], image["container_format"]) == ("raw", "bare")
    assert (image["bdm_v2"], image["root_device_name"]) == ("True", "/dev/vda")
    assert [s["volume_id"] for s in world.cinder.snapshots.values()] == [root, data]
    told = json.loads(image["block_device_mapping"])
    assert [m["snapshot_id"] for m in told] == list(world.cinder.snapshots)
    assert [(m["volume_size"], m["boot_index"], m["tag"]) for m in told] == [
        (3, 0, None), (1, None, "data")
    ]  # fmt: skip
    read = mappings_of(world.api.image_api.get(world.context, image["id"]))
    assert [m["device_name"] for m in read] == ["/dev/vda", "/dev/vdb"]


def test_a_snapshot_that_fails_leaves_none(world, backed, glance):
    server, *_ = backed
    real = world.cinder._post_snapshots

    def refuse_the_second(*, query, body):
        if body["snapshot"]["volume_id"] == backed[2]:
            raise ValueError("no room")
        return real(query=query, body=body)

    world.cinder._post_snapshots = refuse_the_second
    image_id = make_image(world, server)
    check_idle(world, server)
    assert world.cinder.snapshots == {} and image_id not in glance.images
    assert "no room" in db.instances.get_latest_faults([server])[server]["message"]


def test_a_snapshot_that_cinder_lost_is_not_waited_for_and_goes(world, backed, glance):
    server, *_ = backed
    add = world.cinder.add_snapshot
    world.cinder.add_snapshot = lambda *args, **fields: add(*args, **fields | LOST)
    image_id = make_image(world, server)
    check_idle(world, server)
    assert world.cinder.snapshots == {} and image_id not in glance.images
    fault = db.instances.get_latest_faults([server])[server]
    assert "is creating" in fault["message"]


def test_an_image_killed_at_every_step_is_whole_or_nothing_of_it_is_there(world, backed, glance):
    server, *_ = backed
    world.steps.clear()
    make_image(world, server)
    moments = list(dict.fromkeys(world.steps))
    for moment in moments:
        world.cinder.snapshots.clear()
        for image_id in [i for i in glance.images if i not in (IMAGE, OTHER_IMAGE)]:
            del glance.images[image_id]
        world.strike(moment)
        with pytest.raises(Killed):
            make_image(world, server)
        world.recover()
        check_idle(world, server)
        made = [i for i in glance.images.values() if i["status"] == "active" and not i["size"]]
        assert len(world.cinder.snapshots) == 2 * len(made), moment
        assert [i for i in glance.images.values() if i["status"] == "queued"] == [], moment


def rebuild(world, server, image_id=OTHER_IMAGE, reimage=True) -> None:
    request = RebuildRequest(image_ref=image_id, admin_password="p", reimage_boot_volume=reimage)
    world.api.rebuild(world.context, world.instance(server), request)
    world.deliver()


def check_rebuilt(world, server, root, data, image_id) -> None:
    check_idle(world, server)
    instance = world.instance(server)
    assert (instance.vm_state, instance.image_ref) == ("active", None)
    assert world.guest_volumes(server) == {"/dev/vda": root, "/dev/vdb": data}
    mappings = world.bdms(server)
    assert {m["attachment_id"] for m in mappings} == set(world.cinder.attachments)
    assert {a["status"] for a in world.cinder.attachments.values()} == {"attached"}
    assert {world.cinder.status(volume) for volume in (root, data)} == {"in-use"}
    assert mappings[0]["image_id"] == image_id
    assert world.cinder.volumes[root]["volume_image_metadata"].get("image_id") == image_id


def test_a_rebuild_writes_the_image_into_the_root_volume(world, backed, glance):
    server, root, data = backed
    glance.images[OTHER_IMAGE]["hw_disk_bus"] = "scsi"
    rebuild(world, server)
    check_rebuilt(world, server, root, data, OTHER_IMAGE)
    assert world.instance(server).system_metadata["image_hw_disk_bus"] == "scsi"


def test_a_rebuild_before_2_93_keeps_what_is_in_the_volume(world, backed):
    server, root, data = backed
    world.cinder.volumes[root]["volume_image_metadata"]["image_id"] = IMAGE
    rebuild(world, server, IMAGE, reimage=False)
    check_rebuilt(world, server, root, data, IMAGE)
    assert "POST /volumes/ID/action" not in world.cinder.requests()


def test_an_image_that_cinder_cannot_write_is_a_fault(world, backed):
    server, root, _ = backed

    def fail(volume):
        volume["status"] = "error"
        event = {"name": "volume-reimaged", "server_uuid": server, "tag": root, "status": "failed"}
        world.manager.external_instance_event(world.context, [event])

    world.cinder.on_reimage, works = fail, world.cinder.on_reimage
    rebuild(world, server)
    assert world.instance(server).vm_state == "error"
    assert "could not write it" in db.instances.get_latest_faults([server])[server]["message"]
    world.cinder.on_reimage = works
    world.cinder.volumes[root]["status"] = "reserved"  # as an administrator may set it
    rebuild(world, server)
    check_rebuilt(world, server, *backed[1:], OTHER_IMAGE)


def test_a_rebuild_killed_at_every_step_is_done(world, backed):
    server, root, data = backed
    rebuild(world, server)
    images = [IMAGE, OTHER_IMAGE]
    world.steps.clear()
    rebuild(world, server, IMAGE)
    moments = list(dict.fromkeys(world.steps))
    assert {"reimage", "_await_image", "API.attachment_create"} <= set(moments)
    for moment in moments:
        image_id = images[1]
        world.strike(moment)
        with pytest.raises(Killed):
            rebuild(world, server, image_id)
        world.recover()
        check_rebuilt(world, server, root, data, image_id)
        images.reverse()
