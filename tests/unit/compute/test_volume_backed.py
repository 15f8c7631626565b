"""Volume-backed servers: images of them and rebuilds, also when killed at every step."""

import json

import pytest

from nova_mini import db
from nova_mini.compute.requests.rebuild_request import RebuildRequest
from nova_mini.external.volume_backed_image import mappings_of
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE
from tests.unit.compute.cloud_in_one_process import Killed
from tests.unit.volume.stub_cinder import LOST


def make_image(cloud, server, name="copy") -> str:
    image_id = cloud.api.snapshot(cloud.context, cloud.instance(server), name, {})
    cloud.deliver()
    return image_id


def check_idle(cloud, server) -> None:
    assert cloud.unfinished() == []
    assert cloud.instance(server).task_state is None


def test_an_image_names_a_snapshot_of_each_volume(cloud, backed, glance):
    server, root, data = backed
    image = glance.images[make_image(cloud, server)]
    check_idle(cloud, server)
    assert (image["status"], image["size"]) == ("active", 0)
    assert (image["disk_format"], image["container_format"]) == ("raw", "bare")
    assert (image["bdm_v2"], image["root_device_name"]) == ("True", "/dev/vda")
    assert [s["volume_id"] for s in cloud.cinder.snapshots.values()] == [root, data]
    mappings = json.loads(image["block_device_mapping"])
    assert [m["snapshot_id"] for m in mappings] == list(cloud.cinder.snapshots)
    assert [(m["volume_size"], m["boot_index"], m["tag"]) for m in mappings] == [
        (3, 0, None),
        (1, None, "data"),
    ]
    read = mappings_of(cloud.api.image_api.get(cloud.context, image["id"]))
    assert [m["device_name"] for m in read] == ["/dev/vda", "/dev/vdb"]


def test_a_failed_snapshot_leaves_no_snapshots(cloud, backed, glance):
    server, *_ = backed
    real = cloud.cinder._post_snapshots

    def refuse_the_second(*, query, body):
        if body["snapshot"]["volume_id"] == backed[2]:
            raise ValueError("no room")
        return real(query=query, body=body)

    cloud.cinder._post_snapshots = refuse_the_second
    image_id = make_image(cloud, server)
    check_idle(cloud, server)
    assert cloud.cinder.snapshots == {} and image_id not in glance.images
    assert "no room" in db.instance_faults.get_latest_faults([server])[server]["message"]


def test_a_snapshot_that_cinder_lost_is_deleted_without_waiting(cloud, backed, glance):
    server, *_ = backed
    add = cloud.cinder.add_snapshot
    cloud.cinder.add_snapshot = lambda *args, **fields: add(*args, **fields | LOST)
    image_id = make_image(cloud, server)
    check_idle(cloud, server)
    assert cloud.cinder.snapshots == {} and image_id not in glance.images
    fault = db.instance_faults.get_latest_faults([server])[server]
    assert "is creating" in fault["message"]


def test_an_image_killed_at_every_step_is_done_or_undone(cloud, backed, glance):
    server, *_ = backed
    cloud.steps.clear()
    make_image(cloud, server)
    points = list(dict.fromkeys(cloud.steps))
    for point in points:
        cloud.cinder.snapshots.clear()
        for image_id in [i for i in glance.images if i not in (IMAGE, OTHER_IMAGE)]:
            del glance.images[image_id]
        cloud.kill_at(point)
        with pytest.raises(Killed):
            make_image(cloud, server)
        cloud.recover()
        check_idle(cloud, server)
        made = [i for i in glance.images.values() if i["status"] == "active" and not i["size"]]
        assert len(cloud.cinder.snapshots) == 2 * len(made), point
        assert [i for i in glance.images.values() if i["status"] == "queued"] == [], point


def rebuild(cloud, server, image_id=OTHER_IMAGE, reimage=True) -> None:
    request = RebuildRequest(image_ref=image_id, admin_password="p", reimage_boot_volume=reimage)
    cloud.api.rebuild(cloud.context, cloud.instance(server), request)
    cloud.deliver()


def check_rebuilt(cloud, server, root, data, image_id) -> None:
    check_idle(cloud, server)
    instance = cloud.instance(server)
    assert (instance.vm_state, instance.image_ref) == ("active", None)
    assert cloud.guest_volumes(server) == {"/dev/vda": root, "/dev/vdb": data}
    mappings = cloud.bdms(server)
    assert {m["attachment_id"] for m in mappings} == set(cloud.cinder.attachments)
    assert {a["status"] for a in cloud.cinder.attachments.values()} == {"attached"}
    assert {cloud.cinder.status(volume) for volume in (root, data)} == {"in-use"}
    assert mappings[0]["image_id"] == image_id
    assert cloud.cinder.volumes[root]["volume_image_metadata"].get("image_id") == image_id


def test_a_rebuild_writes_the_image_into_the_root_volume(cloud, backed, glance):
    server, root, data = backed
    glance.images[OTHER_IMAGE]["hw_disk_bus"] = "scsi"
    rebuild(cloud, server)
    check_rebuilt(cloud, server, root, data, OTHER_IMAGE)
    assert cloud.instance(server).system_metadata["image_hw_disk_bus"] == "scsi"


def test_a_rebuild_before_2_93_keeps_the_data_of_the_volume(cloud, backed):
    server, root, data = backed
    cloud.cinder.volumes[root]["volume_image_metadata"]["image_id"] = IMAGE
    rebuild(cloud, server, IMAGE, reimage=False)
    check_rebuilt(cloud, server, root, data, IMAGE)
    assert "POST /volumes/ID/action" not in cloud.cinder.requests()


def test_a_failed_reimage_is_a_fault(cloud, backed):
    server, root, _ = backed

    def fail(volume):
        volume["status"] = "error"
        event = {"name": "volume-reimaged", "server_uuid": server, "tag": root, "status": "failed"}
        cloud.manager.external_instance_event(cloud.context, [event])

    cloud.cinder.on_reimage, works = fail, cloud.cinder.on_reimage
    rebuild(cloud, server)
    assert cloud.instance(server).vm_state == "error"
    assert "could not write it" in db.instance_faults.get_latest_faults([server])[server]["message"]
    cloud.cinder.on_reimage = works
    cloud.cinder.volumes[root]["status"] = "reserved"  # as set by an administrator
    rebuild(cloud, server)
    check_rebuilt(cloud, server, *backed[1:], OTHER_IMAGE)


def test_a_rebuild_killed_at_every_step_is_done(cloud, backed):
    server, root, data = backed
    rebuild(cloud, server)
    images = [IMAGE, OTHER_IMAGE]
    cloud.steps.clear()
    rebuild(cloud, server, IMAGE)
    points = list(dict.fromkeys(cloud.steps))
    assert {"reimage", "_await_image", "API.attachment_create"} <= set(points)
    for point in points:
        image_id = images[1]
        cloud.kill_at(point)
        with pytest.raises(Killed):
            rebuild(cloud, server, image_id)
        cloud.recover()
        check_rebuilt(cloud, server, root, data, image_id)
        images.reverse()
