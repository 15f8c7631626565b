"""Volumes of a server that runs: attached, detached, and never in between."""

import json

import oslo_messaging as messaging
import pytest

from nova_mini import db, exception
from nova_mini.compute.volume_request import AttachRequest
from nova_mini.conf import CONF
from tests.unit.compute.world import HOST, Killed
from tests.unit.rest_server import HANG_UP


def test_attach_follows_the_documented_path(world, server, volume):
    bdm = world.attach(server, volume)
    assert (bdm.device_name, bdm.volume_id) == ("/dev/vdb", volume)
    assert world.check_consistent(server, volume) == "in-use"
    assert world.guest_volumes(server) == {"/dev/vdb": volume}
    chain = [
        "API.attach_volume", "API._attach_volume", "API._create_volume_bdm",
        "ComputeManager.reserve_block_device_name", "API.attachment_create",
        "ComputeManager.attach_volume", "_attach_volume", "DriverVolumeBlockDevice.attach",
        "DriverVolumeBlockDevice._do_attach", "DriverVolumeBlockDevice._volume_attach",
        "API.attachment_update", "API.attachment_complete",
    ]  # fmt: skip
    begun = [s.removeprefix("before ") for s in world.steps if s.startswith("before ")]
    assert [name for name in begun if name in chain] == chain


def test_cinder_is_told_who_connects_and_where(world, server, volume):
    world.attach(server, volume, device="/dev/vdx")
    (attachment,) = world.cinder.of_instance(server)
    assert attachment["connector"]["host"] == HOST
    assert attachment["connector"]["mountpoint"] == "/dev/vdx"


def test_what_is_read_only_stays_so(world, server):
    volume = world.cinder.add_volume(metadata={"readonly": "True"})
    world.attach(server, volume)
    (attachment,) = world.cinder.of_instance(server)
    attachment["connection_info"]["port"] = 1
    world.api.reboot(world.context, world.instance(server), "HARD")
    world.deliver()
    kept = json.loads(world.bdms(server)[0]["connection_info"])
    assert kept["readonly"] is True and kept["data"]["port"] == 1


def test_names_are_given_once(world, server, volume):
    world.attach(server, volume)
    assert world.attach(server, world.cinder.add_volume()).device_name == "/dev/vdc"
    third = world.cinder.add_volume()
    with pytest.raises(exception.DevicePathInUse):
        world.attach(server, third, device="/dev/vdb")
    assert world.cinder.status(third) == "available"
    assert len(world.bdms(server)) == 2
    assert world.unfinished() == []


def test_a_volume_is_attached_to_one_server_once(world, server, volume):
    world.attach(server, volume)
    world.cinder.volumes[volume]["multiattach"] = True
    with pytest.raises(exception.InvalidVolume, match="is attached to the server"):
        world.attach(server, volume, supports_multiattach=True)
    assert world.check_consistent(server, volume) == "in-use"


def test_the_number_of_disks_is_limited(world, server, volume):
    CONF.set_override("max_disk_devices_to_attach", 1, group="compute")
    try:
        with pytest.raises(exception.TooManyDiskDevices):
            world.attach(server, volume)
    finally:
        CONF.clear_override("max_disk_devices_to_attach", group="compute")
    assert world.check_consistent(server, volume) == "available"


def test_detach(world, server, volume):
    world.attach(server, volume)
    world.detach(server, volume)
    assert world.check_consistent(server, volume) == "available"
    with pytest.raises(exception.VolumeNotAttached):
        world.detach(server, volume)


@pytest.mark.parametrize("is_done", [True, False])
def test_a_detach_that_cinder_says_nothing_of_is_done(world, server, volume, is_done):
    world.attach(server, volume)
    question = ("POST", f"/volumes/{volume}/action")
    if is_done:
        world.cinder.lost_answers.append(question)
    else:
        world.cinder.failures[question] = [(503, {})]
    world.detach(server, volume)
    assert world.check_consistent(server, volume) == "available"


def test_a_refused_reservation_leaves_nothing(world, server, volume):
    world.cinder.failures["POST", "/attachments"] = [(400, {"x": {"message": "no", "code": 400}})]
    with pytest.raises(exception.InvalidVolume):
        world.attach(server, volume)
    assert world.check_consistent(server, volume) == "available"


def test_a_lost_answer_to_the_reservation_leaves_nothing(world, server, volume):
    world.cinder.lost_answers.append(("POST", "/attachments"))
    with pytest.raises(exception.CinderConnectionFailed):
        world.attach(server, volume)
    assert world.cinder.status(volume) == "reserved"
    world.deliver()
    assert world.check_consistent(server, volume) == "available"


def test_one_that_is_deleted_while_its_volume_is_reserved_leaves_it(
    world, server, volume, monkeypatch
):
    create = world.api.volume_api.attachment_create

    def create_too_late(*args, **kwargs):
        world.api.delete(world.context, world.instance(server))
        return create(*args, **kwargs)

    monkeypatch.setattr(world.api.volume_api, "attachment_create", create_too_late)
    with pytest.raises(exception.BlockDeviceMappingNotFound):
        world.attach(server, volume)
    world.deliver()
    assert db.instances.get_by_uuid(server) is None
    assert world.cinder.attachments == {}
    assert world.cinder.status(volume) == "available"


def test_a_lost_answer_of_the_host_leaves_nothing(world, server, volume, monkeypatch):
    call = world.api.compute_rpcapi.reserve_block_device_name

    def lose(*args):
        call(*args)
        raise messaging.MessagingTimeout("no answer")

    monkeypatch.setattr(world.api.compute_rpcapi, "reserve_block_device_name", lose)
    with pytest.raises(messaging.MessagingTimeout):
        world.attach(server, volume)
    assert len(world.bdms(server)) == 1
    world.deliver()
    assert world.check_consistent(server, volume) == "available"


def test_a_host_that_is_started_again_before_it_is_asked(world, server, volume, monkeypatch):
    """What it finds is an intent of which nothing is recorded yet: the API is at it."""
    call = world.api.compute_rpcapi.reserve_block_device_name

    def start_again_before(*args):
        world.recover(rounds=1)
        return call(*args)

    monkeypatch.setattr(world.api.compute_rpcapi, "reserve_block_device_name", start_again_before)
    world.attach(server, volume)
    assert world.check_consistent(server, volume) == "in-use"


def test_a_volume_that_turned_out_to_be_encrypted_is_given_back(world, server, volume):
    """It is of another type by the time the host comes to it."""
    world.api.attach_volume(world.context, world.instance(server), AttachRequest(volume_id=volume))
    world.cinder.volumes[volume]["encrypted"] = True
    world.deliver()
    assert world.check_consistent(server, volume) == "available"
    assert "is encrypted" in db.instances.get_latest_faults([server])[server]["message"]


def test_a_connection_that_fails_gives_the_volume_back(world, server, volume, monkeypatch):
    def refuse(*args, **kwargs):
        raise exception.VolumeAttachFailed(volume_id=volume, reason="no path")

    monkeypatch.setattr(world.manager.driver, "attach_volume", refuse)
    world.attach(server, volume)
    assert world.check_consistent(server, volume) == "available"
    assert world.instance(server).vm_state == "active"
    (fault,) = db.instances.get_latest_faults([server]).values()
    assert "no path" in fault["message"]


def test_cinder_away_in_the_middle_is_only_a_pause(world, server, volume):
    world.cinder.failures["PUT", "/attachments/.*"] = [HANG_UP] * 4
    world.attach(server, volume)
    assert world.cinder.status(volume) == "reserved"
    world.recover()
    assert world.check_consistent(server, volume) == "in-use"


def test_a_guest_that_keeps_its_disk_keeps_its_volume(world, server, volume, monkeypatch):
    world.attach(server, volume)

    def refuse(*args, **kwargs):
        raise exception.DeviceDetachFailed(device="/dev/vdb", reason="the guest uses it")

    with monkeypatch.context() as patch:
        patch.setattr(world.manager.driver, "detach_volume", refuse)
        world.detach(server, volume)
    assert world.check_consistent(server, volume) == "in-use"
    world.detach(server, volume)
    assert world.check_consistent(server, volume) == "available"


def test_delete_frees_every_volume_and_removes_those_that_go_with_the_server(world, server):
    kept, going = world.cinder.add_volume(), world.cinder.add_volume()
    world.attach(server, kept)
    world.attach(server, going, delete_on_termination=True)
    world.delete(server)
    assert list(world.cinder.volumes) == [kept]
    assert world.cinder.status(kept) == "available"
    assert world.cinder.attachments == {}


def test_a_volume_that_was_taken_behind_our_back_is_not_reached_again(world, server, volume):
    world.attach(server, volume)
    world.cinder.attachments.clear()  # by force: CVE-2023-2088
    world.cinder.volumes[volume]["status"] = "available"
    world.api.reboot(world.context, world.instance(server), "HARD")
    world.deliver()
    assert world.instance(server).task_state is None
    (fault,) = db.instances.get_latest_faults([server]).values()
    assert "behind its back" in fault["message"]
    assert "reboot HARD" not in world.manager.driver._guests.find(server).console
    world.detach(server, volume)
    assert world.check_consistent(server, volume) == "available"


def test_a_hard_reboot_takes_the_connection_as_it_is_now(world, server, volume):
    world.attach(server, volume)
    (attachment,) = world.cinder.of_instance(server)
    attachment["connection_info"]["port"] = 1
    world.api.reboot(world.context, world.instance(server), "HARD")
    world.deliver()
    assert '"port": 1' in world.bdms(server)[0]["connection_info"]
    assert world.check_consistent(server, volume) == "in-use"


def test_an_extended_volume_is_told_to_the_guest(world, server, volume):
    world.attach(server, volume)
    world.cinder.volumes[volume]["size"] = 5
    event = {"name": "volume-extended", "server_uuid": server, "tag": volume}
    world.manager.external_instance_event(world.context, [event])
    assert f"volume {volume} has 5 GiB" in world.manager.driver._guests.find(server).console
    assert world.bdms(server)[0]["volume_size"] == 5


# -- killed at every step ------------------------------------------------------------------------


def _steps_of(world, server, act) -> list[str]:
    world.steps.clear()
    act(world, server)
    return list(dict.fromkeys(world.steps))


def _attach(world, server):
    world.attach(server, next(iter(world.cinder.volumes)))


def _detach(world, server):
    world.detach(server, next(iter(world.cinder.volumes)))


def _delete(world, server):
    world.delete(server)


def _killed_at_each_step(world, server, act, prepare=None, *, check) -> int:
    """Returns at how many steps it was tried; each begins with a fresh volume."""

    def fresh():
        world.cinder.volumes.clear()
        volume = world.cinder.add_volume()
        if prepare:
            prepare(world, server)
        return volume

    fresh()
    moments = _steps_of(world, server, act)
    world.recover()
    for moment in moments:
        for mapping in world.bdms(server):
            world.detach(server, mapping["volume_id"])
        volume = fresh()
        world.strike(moment)
        with pytest.raises(Killed):
            act(world, server)
        world.recover()
        check(world, server, volume, moment)
    return len(moments)


def test_attach_killed_at_every_step_ends_whole_or_not_at_all(world, server):
    ends = {}

    def check(world, server, volume, moment):
        ends[moment] = world.check_consistent(server, volume)

    assert _killed_at_each_step(world, server, _attach, check=check) > 20
    assert ends["before API._attach_volume"] == "available"  # nothing was promised
    assert ends["API.attachment_create"] == ends["API._attach_volume"] == "in-use"
    assert ends["FakeDriver.attach_volume"] == "in-use"


def test_detach_killed_at_every_step_ends_detached(world, server):
    def check(world, server, volume, moment):
        status = world.check_consistent(server, volume)
        assert (status == "available") == (moment != "before API.detach_volume"), moment

    assert _killed_at_each_step(world, server, _detach, _attach, check=check) > 10
