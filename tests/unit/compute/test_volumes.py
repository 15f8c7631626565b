"""Attach and detach volumes of a running server: with failures, and killed at every step."""

import json

import oslo_messaging as messaging
import pytest

from nova_mini import db, exception
from nova_mini.compute.requests.volume_request import AttachRequest
from nova_mini.conf import CONF
from tests.unit.compute.cloud_in_one_process import HOST, Killed
from tests.unit.rest_server import HANG_UP


def test_attach_follows_the_documented_path(cloud, server, volume):
    bdm = cloud.attach(server, volume)
    assert (bdm.device_name, bdm.volume_id) == ("/dev/vdb", volume)
    assert cloud.check_consistent(server, volume) == "in-use"
    assert cloud.guest_volumes(server) == {"/dev/vdb": volume}
    chain = [
        "API.attach_volume",
        "API._attach_volume",
        "API._create_volume_bdm",
        "ComputeManager.reserve_block_device_name",
        "API.attachment_create",
        "ComputeManager.attach_volume",
        "_attach_volume",
        "DriverVolumeBlockDevice.attach",
        "DriverVolumeBlockDevice._do_attach",
        "DriverVolumeBlockDevice._volume_attach",
        "API.attachment_update",
        "API.attachment_complete",
    ]
    entered = [s.removeprefix("before ") for s in cloud.steps if s.startswith("before ")]
    assert [name for name in entered if name in chain] == chain


def test_the_attachment_has_connector_and_mountpoint(cloud, server, volume):
    cloud.attach(server, volume, device="/dev/vdx")
    (attachment,) = cloud.cinder.of_instance(server)
    assert attachment["connector"]["host"] == HOST
    assert attachment["connector"]["mountpoint"] == "/dev/vdx"


def test_a_read_only_attachment_is_recorded_as_read_only(cloud, server):
    volume = cloud.cinder.add_volume(metadata={"readonly": "True"})
    cloud.attach(server, volume)
    (attachment,) = cloud.cinder.of_instance(server)
    attachment["connection_info"]["port"] = 1
    cloud.api.reboot(cloud.context, cloud.instance(server), "HARD")
    cloud.deliver()
    connection_info = json.loads(cloud.bdms(server)[0]["connection_info"])
    assert connection_info["readonly"] is True and connection_info["data"]["port"] == 1


def test_device_names_are_unique(cloud, server, volume):
    cloud.attach(server, volume)
    assert cloud.attach(server, cloud.cinder.add_volume()).device_name == "/dev/vdc"
    third = cloud.cinder.add_volume()
    with pytest.raises(exception.DevicePathInUse):
        cloud.attach(server, third, device="/dev/vdb")
    assert cloud.cinder.status(third) == "available"
    assert len(cloud.bdms(server)) == 2
    assert cloud.unfinished() == []


def test_a_volume_is_attached_to_one_server_once(cloud, server, volume):
    cloud.attach(server, volume)
    cloud.cinder.volumes[volume]["multiattach"] = True
    with pytest.raises(exception.InvalidVolume, match="is attached to the server"):
        cloud.attach(server, volume, supports_multiattach=True)
    assert cloud.check_consistent(server, volume) == "in-use"


def test_the_number_of_disks_is_limited(cloud, server, volume):
    CONF.set_override("max_disk_devices_to_attach", 1, group="compute")
    try:
        with pytest.raises(exception.TooManyDiskDevices):
            cloud.attach(server, volume)
    finally:
        CONF.clear_override("max_disk_devices_to_attach", group="compute")
    assert cloud.check_consistent(server, volume) == "available"


def test_detach(cloud, server, volume):
    cloud.attach(server, volume)
    cloud.detach(server, volume)
    assert cloud.check_consistent(server, volume) == "available"
    with pytest.raises(exception.VolumeNotAttached):
        cloud.detach(server, volume)


@pytest.mark.parametrize("is_done", [True, False])
def test_detach_is_done_without_an_answer_of_cinder(cloud, server, volume, is_done):
    cloud.attach(server, volume)
    question = ("POST", f"/volumes/{volume}/action")
    if is_done:
        cloud.cinder.lost_responses.append(question)
    else:
        cloud.cinder.failures[question] = [(503, {})]
    cloud.detach(server, volume)
    assert cloud.check_consistent(server, volume) == "available"


def test_a_refused_reservation_leaves_nothing(cloud, server, volume):
    cloud.cinder.failures["POST", "/attachments"] = [(400, {"x": {"message": "no", "code": 400}})]
    with pytest.raises(exception.InvalidVolume):
        cloud.attach(server, volume)
    assert cloud.check_consistent(server, volume) == "available"


def test_a_lost_answer_to_the_reservation_leaves_nothing(cloud, server, volume):
    cloud.cinder.lost_responses.append(("POST", "/attachments"))
    with pytest.raises(exception.CinderConnectionFailed):
        cloud.attach(server, volume)
    assert cloud.cinder.status(volume) == "reserved"
    cloud.deliver()
    assert cloud.check_consistent(server, volume) == "available"


def test_delete_during_a_reservation_frees_the_volume(cloud, server, volume, monkeypatch):
    create = cloud.api.volume_api.attachment_create

    def create_too_late(*args, **kwargs):
        cloud.api.delete(cloud.context, cloud.instance(server))
        return create(*args, **kwargs)

    monkeypatch.setattr(cloud.api.volume_api, "attachment_create", create_too_late)
    with pytest.raises(exception.BlockDeviceMappingNotFound):
        cloud.attach(server, volume)
    cloud.deliver()
    assert db.instances.get_by_uuid(server) is None
    assert cloud.cinder.attachments == {}
    assert cloud.cinder.status(volume) == "available"


def test_a_lost_answer_to_reserve_block_device_name_leaves_nothing(
    cloud, server, volume, monkeypatch
):
    call = cloud.api.compute_rpcapi.reserve_block_device_name

    def lose(*args):
        call(*args)
        raise messaging.MessagingTimeout("no answer")

    monkeypatch.setattr(cloud.api.compute_rpcapi, "reserve_block_device_name", lose)
    with pytest.raises(messaging.MessagingTimeout):
        cloud.attach(server, volume)
    assert len(cloud.bdms(server)) == 1
    cloud.deliver()
    assert cloud.check_consistent(server, volume) == "available"


def test_a_host_that_resumes_an_attach_before_the_reservation(cloud, server, volume, monkeypatch):
    """The API has committed the intent, but has not created the mapping yet."""
    call = cloud.api.compute_rpcapi.reserve_block_device_name

    def start_again_before(*args):
        cloud.recover(restarts=1)
        return call(*args)

    monkeypatch.setattr(cloud.api.compute_rpcapi, "reserve_block_device_name", start_again_before)
    cloud.attach(server, volume)
    assert cloud.check_consistent(server, volume) == "in-use"


def test_attach_of_an_encrypted_volume_is_undone_by_the_host(cloud, server, volume):
    """The volume was retyped after the check of the API."""
    cloud.api.attach_volume(cloud.context, cloud.instance(server), AttachRequest(volume_id=volume))
    cloud.cinder.volumes[volume]["encrypted"] = True
    cloud.deliver()
    assert cloud.check_consistent(server, volume) == "available"
    assert "is encrypted" in db.instance_faults.get_latest_faults([server])[server]["message"]


def test_attach_of_an_encrypted_volume(cloud, server, override):
    """The mapping knows how the volume is encrypted, after a refresh too; it has no key."""
    override("backend", "barbican", "key_manager")
    volume = cloud.cinder.add_volume(encrypted=True)
    cloud.attach(server, volume)
    assert cloud.check_consistent(server, volume) == "in-use"
    (attachment,) = cloud.cinder.of_instance(server)
    attachment["connection_info"]["port"] = 1
    cloud.api.reboot(cloud.context, cloud.instance(server), "HARD")
    cloud.deliver()
    connection_info = json.loads(cloud.bdms(server)[0]["connection_info"])
    assert connection_info["data"]["port"] == 1
    assert connection_info["encryption"] == {
        "key_id": cloud.cinder.encryption["encryption_key_id"],
        "cipher": "aes-xts-plain64",
        "key_size": 256,
    }


def test_dm_crypt_is_refused(cloud, server, override):
    override("backend", "barbican", "key_manager")
    cloud.cinder.encryption["provider"] = "plain"
    volume = cloud.cinder.add_volume(encrypted=True)
    request = AttachRequest(volume_id=volume)
    with pytest.raises(exception.VolumeEncryptionNotSupported, match="its encryption is 'plain'"):
        cloud.api.attach_volume(cloud.context, cloud.instance(server), request)
    assert cloud.check_consistent(server, volume) == "available"


def test_the_host_names_devices_that_have_no_name(cloud, server, volume):
    others = [cloud.cinder.add_volume() for _ in range(2)]
    for each, device in ((volume, None), (others[0], "/dev/vdb"), (others[1], None)):
        request = AttachRequest(volume_id=each, device=device, needs_device=False)
        cloud.api.attach_volume(cloud.context, cloud.instance(server), request)
    assert "before ComputeManager.reserve_block_device_name" not in cloud.steps
    assert [cloud.cinder.status(each) for each in (volume, *others)] == ["reserved"] * 3
    cloud.deliver()
    assert cloud.guest_volumes(server) == {
        "/dev/vdb": others[0],
        "/dev/vdc": volume,
        "/dev/vdd": others[1],
    }


def test_a_name_that_the_host_refuses_undoes_the_attach(cloud, server, volume):
    cloud.attach(server, volume, device="/dev/vda", needs_device=False)  # its root disk
    assert cloud.check_consistent(server, volume) == "available"
    assert cloud.bdms(server) == []
    (fault,) = db.instance_faults.get_latest_faults([server]).values()
    assert "/dev/vda" in fault["message"]


def test_a_failed_connection_undoes_the_attach(cloud, server, volume, monkeypatch):
    def refuse(*args, **kwargs):
        raise exception.VolumeAttachFailed(volume_id=volume, reason="no path")

    monkeypatch.setattr(cloud.manager.driver, "attach_volume", refuse)
    cloud.attach(server, volume)
    assert cloud.check_consistent(server, volume) == "available"
    assert cloud.instance(server).vm_state == "active"
    (fault,) = db.instance_faults.get_latest_faults([server]).values()
    assert "no path" in fault["message"]


def test_attach_is_retried_while_cinder_is_down(cloud, server, volume):
    cloud.cinder.failures["PUT", "/attachments/.*"] = [HANG_UP] * 4
    cloud.attach(server, volume)
    assert cloud.cinder.status(volume) == "reserved"
    cloud.recover()
    assert cloud.check_consistent(server, volume) == "in-use"


def test_a_disk_that_the_guest_does_not_release_stays_attached(cloud, server, volume, monkeypatch):
    cloud.attach(server, volume)

    def refuse(*args, **kwargs):
        raise exception.DeviceDetachFailed(device="/dev/vdb", reason="the guest uses it")

    with monkeypatch.context() as patch:
        patch.setattr(cloud.manager.driver, "detach_volume", refuse)
        cloud.detach(server, volume)
    assert cloud.check_consistent(server, volume) == "in-use"
    cloud.detach(server, volume)
    assert cloud.check_consistent(server, volume) == "available"


def test_delete_frees_volumes_and_deletes_those_with_delete_on_termination(cloud, server):
    staying, deleted = cloud.cinder.add_volume(), cloud.cinder.add_volume()
    cloud.attach(server, staying)
    cloud.attach(server, deleted, delete_on_termination=True)
    cloud.delete(server)
    assert list(cloud.cinder.volumes) == [staying]
    assert cloud.cinder.status(staying) == "available"
    assert cloud.cinder.attachments == {}


def test_a_volume_whose_attachment_was_deleted_is_not_connected_again(cloud, server, volume):
    cloud.attach(server, volume)
    cloud.cinder.attachments.clear()  # deleted directly in Cinder: CVE-2023-2088
    cloud.cinder.volumes[volume]["status"] = "available"
    cloud.api.reboot(cloud.context, cloud.instance(server), "HARD")
    cloud.deliver()
    assert cloud.instance(server).task_state is None
    (fault,) = db.instance_faults.get_latest_faults([server]).values()
    assert "has no attachment of volume" in fault["message"]
    assert "reboot HARD" not in cloud.manager.driver._guests.find(server).console
    cloud.detach(server, volume)
    assert cloud.check_consistent(server, volume) == "available"


def test_a_hard_reboot_refreshes_the_connection(cloud, server, volume):
    cloud.attach(server, volume)
    (attachment,) = cloud.cinder.of_instance(server)
    attachment["connection_info"]["port"] = 1
    cloud.api.reboot(cloud.context, cloud.instance(server), "HARD")
    cloud.deliver()
    assert '"port": 1' in cloud.bdms(server)[0]["connection_info"]
    assert cloud.check_consistent(server, volume) == "in-use"


def test_the_guest_gets_the_new_size_of_an_extended_volume(cloud, server, volume):
    cloud.attach(server, volume)
    cloud.cinder.volumes[volume]["size"] = 5
    event = {"name": "volume-extended", "server_uuid": server, "tag": volume}
    cloud.manager.external_instance_event(cloud.context, [event])
    assert f"volume {volume} has 5 GiB" in cloud.manager.driver._guests.find(server).console
    assert cloud.bdms(server)[0]["volume_size"] == 5


# -- killed at every step ------------------------------------------------------------------------


def _steps_of(cloud, server, act) -> list[str]:
    cloud.steps.clear()
    act(cloud, server)
    return list(dict.fromkeys(cloud.steps))


def _attach(cloud, server):
    cloud.attach(server, next(iter(cloud.cinder.volumes)))


def _attach_later(cloud, server):
    cloud.attach(server, next(iter(cloud.cinder.volumes)), needs_device=False)


def _detach(cloud, server):
    cloud.detach(server, next(iter(cloud.cinder.volumes)))


def _delete(cloud, server):
    cloud.delete(server)


def _kill_at_each_step(cloud, server, act, prepare=None, *, check) -> int:
    """Kill ``act`` at each of its steps, with a new volume each. Returns the number of steps."""

    def fresh():
        cloud.cinder.volumes.clear()
        volume = cloud.cinder.add_volume()
        if prepare:
            prepare(cloud, server)
        return volume

    fresh()
    points = _steps_of(cloud, server, act)
    cloud.recover()
    for point in points:
        for mapping in cloud.bdms(server):
            cloud.detach(server, mapping["volume_id"])
        volume = fresh()
        cloud.kill_at(point)
        with pytest.raises(Killed):
            act(cloud, server)
        cloud.recover()
        check(cloud, server, volume, point)
    return len(points)


@pytest.mark.parametrize("attach", [_attach, _attach_later])
def test_attach_killed_at_every_step_is_done_or_undone(cloud, server, attach):
    ends = {}

    def check(cloud, server, volume, point):
        ends[point] = cloud.check_consistent(server, volume)
        if ends[point] == "in-use":
            assert cloud.guest_volumes(server) == {"/dev/vdb": volume}

    assert _kill_at_each_step(cloud, server, attach, check=check) > 20
    assert ends["before API._attach_volume"] == "available"  # no success was reported
    assert ends["API.attachment_create"] == ends["API._attach_volume"] == "in-use"
    assert ends["FakeDriver.attach_volume"] == "in-use"


def test_detach_killed_at_every_step_is_done(cloud, server):
    def check(cloud, server, volume, point):
        status = cloud.check_consistent(server, volume)
        assert (status == "available") == (point != "before API.detach_volume"), point

    assert _kill_at_each_step(cloud, server, _detach, _attach, check=check) > 10
