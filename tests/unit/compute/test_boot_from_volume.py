"""Servers whose disks are volumes: built, given up, deleted, and killed in between."""

import datetime
import itertools

import pytest

from nova_mini import db, exception
from nova_mini.compute import block_device_request, create, destination
from nova_mini.compute.server_request import ServerRequest
from nova_mini.conductor.tasks.delete import delete_unscheduled_instances
from nova_mini.objects import instance_creation
from nova_mini.objects.image_meta import ImageMeta
from tests.unit.api.openstack.compute.conftest import IMAGE, make_flavor
from tests.unit.compute.conftest import UNLIMITED
from tests.unit.compute.world import HOST, Killed
from tests.unit.volume.stub_cinder import FAILURE, LOST

ROOT = {"source_type": "image", "destination_type": "volume", "uuid": IMAGE, "volume_size": 1,
        "boot_index": 0}  # fmt: skip
GOES = {**ROOT, "delete_on_termination": True}
DATA = {"source_type": "blank", "destination_type": "volume", "volume_size": 2,
        "delete_on_termination": True}  # fmt: skip
NO_MORE = (413, {"overLimit": {"message": "no more volumes", "code": 413}})
LONG_AGO = datetime.datetime(2026, 1, 1)


@pytest.fixture
def new(world):
    """``new(disks)``: the create action of a server of which only the records are there; of the
    first one of ``count``."""
    flavor = make_flavor()

    def make(disks, volumes_too=True, count=1):
        request = ServerRequest(
            display_name="s", flavor=flavor, admin_password="p", requested_networks="none"
        )
        where = destination.resolve(world.context, request)
        mappings = block_device_request.build_mappings(disks, None, flavor)
        args = (world.context, request, ImageMeta(), mappings, None, where, count)
        made = create.new_instances(*args)
        actions = instance_creation.create(world.context, made, UNLIMITED)
        if volumes_too:
            world.api._make_volumes(world.context, made)
        return actions[0]

    return make


def volumes_of(world, server) -> list[dict]:
    return [world.cinder.volumes[m["volume_id"]] for m in world.bdms(server)]


def check_running(world, server, sizes) -> None:
    """In use by the guest, under the names that are on record, and nobody at work."""
    mappings = world.bdms(server)
    assert world.instance(server).vm_state == "active"
    assert world.guest_volumes(server) == {m["device_name"]: m["volume_id"] for m in mappings}
    assert [(v["status"], v["size"]) for v in volumes_of(world, server)] == [
        ("in-use", size) for size in sizes
    ]
    assert {m["attachment_id"] for m in mappings} == set(world.cinder.attachments)
    assert world.unfinished() == []


def test_volumes_are_made_and_attached(world, new):
    action = new([DATA, ROOT])
    world.build(action)
    server = action.instance_uuid
    check_running(world, server, [1, 2])
    root, data = volumes_of(world, server)
    assert root["asked"]["imageRef"] == IMAGE
    assert data["asked"]["imageRef"] is None
    assert list(world.guest_volumes(server)) == ["/dev/vda", "/dev/vdb"]
    assert world.instance(server).root_device_name == "/dev/vda"
    assert world.instance(server).is_volume_backed


def test_a_volume_and_a_snapshot(world, new, volume):
    snapshot = world.cinder.add_snapshot(volume, size=4)
    disks = [
        {"source_type": "volume", "uuid": volume, "boot_index": 0},
        {"source_type": "snapshot", "uuid": snapshot, "volume_size": 4},
    ]
    action = new(disks)
    world.build(action)
    check_running(world, action.instance_uuid, [2, 4])
    assert volumes_of(world, action.instance_uuid)[1]["asked"]["snapshot_id"] == snapshot


def test_delete_keeps_what_was_not_to_go(world, new):
    action = new([ROOT, DATA])
    world.build(action)
    world.delete(action.instance_uuid)
    assert [(v["size"], v["status"]) for v in world.cinder.volumes.values()] == [(1, "available")]
    assert world.cinder.attachments == {}


def test_a_volume_that_is_not_made_ends_the_build(world, new):
    world.cinder.new_status = "error"
    action = new([ROOT])
    world.build(action)
    assert world.instance(action.instance_uuid).vm_state == "error"
    (fault,) = db.instances.get_latest_faults([action.instance_uuid]).values()
    assert "did not finish being created: its status is error" in fault["message"]
    assert world.cinder.attachments == {}


def test_a_new_volume_that_is_encrypted_ends_the_build(world, new):
    """Its type says so, which only Cinder knows."""
    make = world.cinder.add_volume
    world.cinder.add_volume = lambda **fields: make(encrypted=True, **fields)
    action = new([ROOT])
    world.build(action)
    assert world.instance(action.instance_uuid).vm_state == "error"
    (fault,) = db.instances.get_latest_faults([action.instance_uuid]).values()
    assert "is encrypted, and encrypted volumes are not served" in fault["message"]
    assert world.cinder.attachments == {}


def test_a_volume_that_somebody_took_meanwhile_ends_the_build(world, new, volume):
    action = new([{"source_type": "volume", "uuid": volume, "boot_index": 0}])
    world.cinder.volumes[volume]["status"] = "in-use"
    world.build(action)
    assert world.instance(action.instance_uuid).vm_state == "error"
    assert world.cinder.status(volume) == "in-use" and world.cinder.attachments == {}


def test_a_host_that_fails_gives_the_volumes_to_the_next(world, new):
    action = new([ROOT])
    metadata = {"fake:fail_spawn_on": HOST}
    world.set(action.instance_uuid, metadata=metadata)
    world.build(action)
    row = db.actions.get(action.id)
    assert (row["host"], row["method"]) == (None, "build_instances")
    assert world.casts == [("build_instances", {"action_ids": [action.id]})]
    (made,) = world.cinder.volumes.values()
    assert made["status"] == "available" and world.cinder.attachments == {}
    world.set(action.instance_uuid, metadata={})
    world.build(action)
    check_running(world, action.instance_uuid, [1])
    assert list(world.cinder.volumes) == [made["id"]]


def test_the_next_host_is_told_who_may_have_the_image(world, new, monkeypatch):
    action, told, spawn = new([ROOT]), [], world.manager.driver.spawn

    def listen(*args, fallback_from_host, **kwargs):
        told.append(fallback_from_host)
        spawn(*args, fallback_from_host=fallback_from_host, **kwargs)

    monkeypatch.setattr(world.manager.driver, "spawn", listen)
    world.set(action.instance_uuid, metadata={"fake:fail_spawn_on": HOST})
    world.build(action)
    world.set(action.instance_uuid, metadata={})
    world.build(action)
    check_running(world, action.instance_uuid, [1])
    assert told == [None, HOST]


def test_a_lost_answer_makes_no_second_volume(world, new):
    """Not even when Cinder cannot be asked for it at once: its host finds it."""
    world.cinder.lost_answers += [("POST", "/volumes"), ("POST", "/attachments")]
    world.cinder.failures["GET", "/volumes/detail"] = [(503, FAILURE)] * 4
    action = new([ROOT])  # its volume is there, and nobody knows
    assert world.bdms(action.instance_uuid)[0]["volume_id"] is None
    world.build(action)
    world.recover()
    world.recover()
    check_running(world, action.instance_uuid, [1])
    assert len(world.cinder.volumes) == 1


@pytest.mark.parametrize("done", [True, False])
def test_the_api_asks_once_more_for_a_volume(world, new, done):
    if done:
        world.cinder.lost_answers += [("POST", "/volumes")]
    else:
        world.cinder.failures["POST", "/volumes"] = [(503, FAILURE)]
    action = new([ROOT])
    ((made, _volume),) = world.cinder.volumes.items()
    assert [m["volume_id"] for m in world.bdms(action.instance_uuid)] == [made]


def test_a_server_that_is_deleted_while_its_volume_is_asked_for_leaves_none(world, new):
    add = world.cinder.add_volume

    def delete_first(**fields):
        ((server, _),) = living(world)
        world.api.delete(world.context, world.instance(server))
        world.deliver()
        return add(**fields)

    world.cinder.add_volume = delete_first
    with pytest.raises(exception.InstanceNotFound):
        new([ROOT])
    assert living(world) == [] and world.cinder.volumes == {}


def living(world) -> list[tuple[str, str]]:
    rows = db.query.many(db.models.instances, db.models.instances.c.deleted.is_(False))
    return [(row["uuid"], row["vm_state"]) for row in rows]


def test_volumes_that_the_api_could_not_make_are_made_by_the_host(world, new):
    action = new([ROOT], volumes_too=False)
    world.build(action)
    check_running(world, action.instance_uuid, [1])


def test_a_host_that_waits_for_cinder_keeps_the_users_token(world, new):
    action = new([ROOT], volumes_too=False)
    world.cinder.failures["POST", "/volumes"] = [(503, FAILURE)]
    world.build(action)
    (waiting,) = world.unfinished()
    assert waiting["owner"] is None and world.cinder.volumes == {}
    world.send_again()
    check_running(world, action.instance_uuid, [1])


def test_without_the_users_token_a_server_says_why_it_has_no_volume(world, new):
    action = new([ROOT], volumes_too=False)
    world.strike("before InstanceBuild._build_and_run_instance")
    with pytest.raises(Killed):
        world.build(action)
    world.recover()
    assert world.instance(action.instance_uuid).vm_state == "building"  # the API may be at it yet
    world.set(action.instance_uuid, created_at=LONG_AGO)
    world.recover()
    assert world.instance(action.instance_uuid).vm_state == "error"
    (fault,) = db.instances.get_latest_faults([action.instance_uuid]).values()
    assert "interrupted before its volume was made" in fault["message"]
    assert world.cinder.volumes == {}


def test_a_volume_that_cinder_refuses_leaves_no_server(world, new):
    """Nor the volume that was made before, though it was to stay and is still being made."""
    made = []

    def make_one(**fields):
        world.cinder.failures["POST", "/volumes"] = [NO_MORE]
        made.append(add(**fields))
        return made[0]

    add, world.cinder.add_volume = world.cinder.add_volume, make_one
    world.cinder.new_status = "creating"
    with pytest.raises(exception.VolumeQuotaExceeded, match="no more volumes"):
        new([ROOT, DATA])
    world.deliver()
    assert list(world.cinder.volumes) == made
    world.cinder.volumes[made[0]]["status"] = "available"
    world.recover()
    assert living(world) == [] and world.cinder.volumes == {}
    assert db.project_usages.get("project")["instances"] == 0


def test_an_api_killed_while_it_gives_up_two_servers_leaves_none_without_a_word(world, new):
    def refused() -> None:
        world.cinder.failures["POST", "/volumes"] = [NO_MORE]
        new([GOES], count=2)

    world.steps.clear()
    with pytest.raises(exception.VolumeQuotaExceeded):
        refused()
    left = set()
    for moment in list(dict.fromkeys(world.steps)):
        world.strike(moment)
        with pytest.raises(Killed):
            refused()
        for server, _state in living(world):
            world.set(server, created_at=LONG_AGO)
        world.recover()
        assert {state for _server, state in living(world)} <= {"error"}, moment
        left.add(len(living(world)))
        for server, _state in living(world):
            (fault,) = db.instances.get_latest_faults([server]).values()
            assert "interrupted before its volume was made" in fault["message"]
            world.delete(server)
        assert living(world) == [] and world.cinder.volumes == {}
        assert db.project_usages.get("project")["instances"] == 0
    assert left == {1, 2}


# -- what Cinder has lost ----------------------------------------------------------------------


@pytest.fixture
def lossy(world):
    """``lossy(times)``: what is ordered of Cinder is recorded there and never made, so many times
    from now on."""
    add = world.cinder.add_volume

    def lose_next(times: int = 1) -> None:
        left = itertools.repeat(LOST, times)
        world.cinder.add_volume = lambda **fields: add(**fields | next(left, {}))

    return lose_next


def test_a_volume_that_cinder_lost_is_asked_for_again(world, new, lossy):
    lossy()
    action = new([ROOT])
    (lost,) = world.cinder.volumes
    world.build(action)
    check_running(world, action.instance_uuid, [1])
    assert lost not in world.cinder.volumes and len(world.cinder.volumes) == 1
    told = [e["details"] for e in db.actions.get_events([action.id]) if "recovery" in e["event"]]
    assert told == [f"Volume {lost} was never made: it is deleted, and another one asked for."]


def test_a_volume_that_cinder_loses_twice_ends_the_build(world, new, lossy):
    lossy(2)
    action = new([GOES])
    world.build(action)
    assert world.instance(action.instance_uuid).vm_state == "error"
    (fault,) = db.instances.get_latest_faults([action.instance_uuid]).values()
    assert "its status is creating" in fault["message"]
    assert len(world.cinder.volumes) == 1
    world.delete(action.instance_uuid)
    assert world.cinder.volumes == {}


def test_a_build_killed_while_a_volume_is_lost_leaves_none(world, new, lossy):
    """Without the user's token nobody can ask for another one; what is there is used."""
    lossy()
    action = new([ROOT])
    world.steps.clear()
    world.build(action)
    outcomes = set()
    for moment in list(dict.fromkeys(world.steps)):
        for there in (world.cinder.volumes, world.cinder.attachments):
            there.clear()
        lossy()
        action = new([GOES])
        world.strike(moment)
        with pytest.raises(Killed):
            world.build(action)
        world.set(action.instance_uuid, created_at=LONG_AGO)
        world.recover()
        outcomes.add(world.instance(action.instance_uuid).vm_state)
        world.delete(action.instance_uuid)
        assert world.cinder.volumes == world.cinder.attachments == {}, moment
    assert outcomes == {"active", "error"}


def test_a_server_goes_with_the_volume_that_cinder_lost(world, new, lossy):
    lossy()
    action = new([GOES])
    world.delete(action.instance_uuid)
    assert db.instances.get_by_uuid(action.instance_uuid) is None and world.cinder.volumes == {}


@pytest.mark.parametrize("status", ["creating", "downloading"])
def test_a_server_goes_when_its_volume_is_made(world, new, status):
    """A volume cannot be deleted before; a conductor's thread does not wait for it."""
    world.cinder.new_status = status
    action = new([GOES])
    world.delete(action.instance_uuid)
    assert world.instance(action.instance_uuid).task_state == "deleting"
    ((made, volume),) = world.cinder.volumes.items()
    assert f"GET /volumes/{made}" in [f"{m} {path}" for m, path, _headers in world.cinder.seen]
    volume["status"] = "available"
    world.recover()
    assert db.instances.get_by_uuid(action.instance_uuid) is None and world.cinder.volumes == {}


def test_a_volume_with_snapshots_stays(world, new):
    action = new([GOES])
    (made,) = world.cinder.volumes
    refused = (400, {"badRequest": {"message": "it has snapshots", "code": 400}})
    world.cinder.failures["DELETE", f"/volumes/{made}"] = [refused, refused]
    world.delete(action.instance_uuid)
    assert db.instances.get_by_uuid(action.instance_uuid) is None
    assert list(world.cinder.volumes) == [made]


def test_a_build_killed_at_every_step_ends_whole(world, new):
    action = new([ROOT, DATA])
    world.steps.clear()
    world.build(action)
    moments = list(dict.fromkeys(world.steps))
    assert len(moments) > 30
    for moment in moments:
        for volumes in (world.cinder.volumes, world.cinder.attachments):
            volumes.clear()
        action = new([ROOT, DATA])
        world.strike(moment)
        with pytest.raises(Killed):
            world.build(action)
        world.recover()
        server = action.instance_uuid
        check_running(world, server, [1, 2])


def test_a_delete_killed_at_every_step_ends_clean(world, new):
    world.build(action := new([ROOT, DATA]))
    world.steps.clear()
    world.delete(action.instance_uuid)
    for moment in list(dict.fromkeys(world.steps)):
        world.cinder.volumes.clear()
        world.build(action := new([ROOT, DATA]))
        world.strike(moment)
        with pytest.raises(Killed):
            world.delete(action.instance_uuid)
        world.recover()
        assert db.instances.get_by_uuid(action.instance_uuid) is None, moment
        assert world.cinder.attachments == {}, moment
        assert [(v["size"], v["status"]) for v in world.cinder.volumes.values()] == [
            (1, "available")
        ], moment


def test_a_server_that_never_had_a_host_is_deleted_with_its_volumes(world, new):
    action = new([ROOT, DATA])
    instance = world.instance(action.instance_uuid)
    world.api.delete(world.context, instance)
    ((method, kwargs),) = world.casts
    assert method == "delete_unscheduled_instance"
    delete_unscheduled_instances(world.context, kwargs["action_ids"], world.manager.owner)
    assert db.instances.get_by_uuid(action.instance_uuid) is None
    assert [v["size"] for v in world.cinder.volumes.values()] == [1]
