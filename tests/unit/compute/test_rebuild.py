"""Rebuilds and images: a refusal leaves the server unchanged, with a fault."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from nova_mini.compute.requests.rebuild_request import RebuildRequest
from nova_mini.objects.image_meta import ImageMeta
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE
from tests.unit.compute.cloud_in_one_process import Killed

pytestmark = pytest.mark.usefixtures("glance")


def rebuild(cloud, server, image_ref=OTHER_IMAGE, **fields) -> None:
    request = RebuildRequest(image_ref=image_ref, admin_password="p", **fields)
    cloud.request("rebuild", server, request)


def record(cloud, server) -> dict:
    row = db.instances.get_by_uuid(server)
    names = (
        "image_ref",
        "vm_state",
        "task_state",
        "power_state",
        "metadata",
        "display_name",
        "system_metadata",
        "os_type",
    )
    return {name: row[name] for name in names}


def console(cloud, server) -> str:
    return cloud.manager.driver._guests.find(server).console


def fault(server: str) -> str:
    return db.instance_faults.get_latest_faults([server])[server]["message"]


def test_a_refused_image_leaves_the_server_unchanged(cloud, server, glance, monkeypatch):
    def refuse(context, image_id, max_size=0):
        raise exception.ImageUnacceptable(image_id=image_id, reason="it is none")

    before, output = record(cloud, server), console(cloud, server)
    monkeypatch.setattr(cloud.manager.driver, "cache_image", refuse)
    rebuild(cloud, server, metadata={"a": "b"}, changes={"display_name": "other"})
    assert record(cloud, server) == before
    assert console(cloud, server) == output, "the guest runs on"
    assert OTHER_IMAGE in fault(server)
    action, *_ = db.actions.get_by_instance(server)
    assert (action["action"], action["message"]) == ("rebuild", "Error")


def test_a_missing_volume_leaves_the_server_unchanged(cloud, server, volume, glance):
    cloud.attach(server, volume)
    before, output = record(cloud, server), console(cloud, server)
    cloud.cinder.attachments.clear()
    rebuild(cloud, server)
    assert record(cloud, server) == before
    assert console(cloud, server) == output
    assert "has no attachment of volume" in fault(server)


def test_a_failure_after_the_destroy_is_an_error(cloud, server, glance, monkeypatch):
    def refuse(*args, **kwargs):
        raise exception.HypervisorError(reason="no")

    monkeypatch.setattr(cloud.manager.driver, "spawn", refuse)
    rebuild(cloud, server)
    row = cloud.instance(server)
    assert (row.vm_state, row.task_state, row.image_ref) == ("error", None, OTHER_IMAGE)


def test_a_kill_after_the_destroy_keeps_the_new_image_in_the_record(
    cloud, server, glance, monkeypatch
):
    cloud.kill_at("FakeDriver.destroy")
    with pytest.raises(Killed):
        rebuild(cloud, server)
    del glance.images[OTHER_IMAGE]
    cloud.recover()
    row = cloud.instance(server)
    assert row.task_state is None
    assert row.image_ref == OTHER_IMAGE


def test_a_rebuild_killed_at_every_step_is_done(cloud, server, glance):
    cloud.steps.clear()
    rebuild(cloud, server)
    assert cloud.instance(server).image_ref == OTHER_IMAGE
    points = list(dict.fromkeys(cloud.steps))
    assert "_ask_for_all" in points
    for point in points[points.index("before ComputeManager.rebuild_instance") :]:
        image_id = IMAGE if cloud.instance(server).image_ref == OTHER_IMAGE else OTHER_IMAGE
        cloud.kill_at(point)
        with pytest.raises(Killed):
            rebuild(cloud, server, image_id)
        cloud.recover()
        row = cloud.instance(server)
        assert (row.image_ref, row.vm_state, row.task_state) == (image_id, "active", None)
        assert cloud.manager.driver._guests.find(server).image == image_id


def test_a_failed_snapshot_deletes_the_image(cloud, server, glance, monkeypatch):
    def refuse(*args, **kwargs):
        raise exception.HypervisorError(reason="no space left on device")

    monkeypatch.setattr(cloud.manager.driver, "snapshot", refuse)
    cloud.request("snapshot", server, "copy", {})
    assert set(glance.images) == {IMAGE, OTHER_IMAGE}
    assert cloud.instance(server).task_state is None


def test_the_record_has_the_properties_of_the_new_image(cloud, server, glance):
    glance.images[OTHER_IMAGE]["hw_disk_bus"] = "scsi"
    rebuild(cloud, server)
    assert ImageMeta.from_instance(cloud.instance(server)).properties["hw_disk_bus"] == "scsi"
