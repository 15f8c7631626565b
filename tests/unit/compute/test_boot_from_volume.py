"""Servers whose disks are volumes: built, failed, deleted, and killed at every step."""

import datetime
import itertools

import pytest

from nova_mini import db, exception
from nova_mini.compute.requests import block_device_request, destination, new_instances
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.objects import instance_creation
from nova_mini.objects.image_meta import ImageMeta
from tests.unit.api.openstack.compute.conftest import IMAGE, make_flavor
from tests.unit.compute.cloud_in_one_process import HOST, Killed
from tests.unit.compute.conftest import UNLIMITED
from tests.unit.volume.stub_cinder import FAILURE, LOST

ROOT = {
    "source_type": "image",
    "destination_type": "volume",
    "uuid": IMAGE,
    "volume_size": 1,
    "boot_index": 0,
}
GOES = {**ROOT, "delete_on_termination": True}
DATA = {
    "source_type": "blank",
    "destination_type": "volume",
    "volume_size": 2,
    "delete_on_termination": True,
}
NO_MORE = (413, {"overLimit": {"message": "no more volumes", "code": 413}})
LONG_AGO = datetime.datetime(2026, 1, 1)


@pytest.fixture
def new(cloud):
    """``new(disks, count)``: record ``count`` servers and return the create action of the first."""
    flavor = make_flavor()

    def make(disks, volumes_too=True, count=1):
        request = ServerRequest(
            display_name="s", flavor=flavor, admin_password="p", requested_networks="none"
        )
        chosen = destination.resolve(cloud.context, request)
        new_disks = block_device_request.build_disks(disks, None, flavor)
        args = (cloud.context, request, ImageMeta(), new_disks, None, chosen, count)
        made = new_instances.new_instances(*args)
        actions = instance_creation.create(cloud.context, made, UNLIMITED)
        if volumes_too:
            cloud.api._make_volumes(cloud.context, made)
        return actions[0]

    return make


def failed_builds() -> int:
    return db.compute_nodes.get_by_host(HOST)["failed_builds"]


def volumes_of(cloud, server) -> list[dict]:
    return [cloud.cinder.volumes[m["volume_id"]] for m in cloud.bdms(server)]


def check_running(cloud, server, sizes) -> None:
    """The guest has its volumes under the recorded names, and no action is unfinished."""
    mappings = cloud.bdms(server)
    assert cloud.instance(server).vm_state == "active"
    assert cloud.guest_volumes(server) == {m["device_name"]: m["volume_id"] for m in mappings}
    assert [(v["status"], v["size"]) for v in volumes_of(cloud, server)] == [
        ("in-use", size) for size in sizes
    ]
    assert {m["attachment_id"] for m in mappings} == set(cloud.cinder.attachments)
    assert cloud.unfinished() == []


def test_volumes_are_created_and_attached(cloud, new):
    action = new([DATA, ROOT])
    cloud.build(action)
    server = action.instance_uuid
    check_running(cloud, server, [1, 2])
    root, data = volumes_of(cloud, server)
    assert root["requested"]["imageRef"] == IMAGE
    assert data["requested"]["imageRef"] is None
    assert list(cloud.guest_volumes(server)) == ["/dev/vda", "/dev/vdb"]
    assert cloud.instance(server).root_device_name == "/dev/vda"
    assert cloud.instance(server).is_volume_backed


def test_boot_from_a_volume_and_a_snapshot(cloud, new, volume):
    snapshot = cloud.cinder.add_snapshot(volume, size=4)
    disks = [
        {"source_type": "volume", "uuid": volume, "boot_index": 0},
        {"source_type": "snapshot", "uuid": snapshot, "volume_size": 4},
    ]
    action = new(disks)
    cloud.build(action)
    check_running(cloud, action.instance_uuid, [2, 4])
    assert volumes_of(cloud, action.instance_uuid)[1]["requested"]["snapshot_id"] == snapshot


def test_delete_keeps_volumes_without_delete_on_termination(cloud, new):
    action = new([ROOT, DATA])
    cloud.build(action)
    cloud.delete(action.instance_uuid)
    assert [(v["size"], v["status"]) for v in cloud.cinder.volumes.values()] == [(1, "available")]
    assert cloud.cinder.attachments == {}


def test_a_volume_that_fails_ends_the_build(cloud, new):
    cloud.cinder.new_status = "error"
    action = new([ROOT])
    cloud.build(action)
    assert cloud.instance(action.instance_uuid).vm_state == "error"
    (fault,) = db.instance_faults.get_latest_faults([action.instance_uuid]).values()
    assert "did not finish being created: its status is error" in fault["message"]
    assert cloud.cinder.attachments == {}
    assert failed_builds() == 0 and cloud.casts == []


def test_a_new_encrypted_volume_ends_the_build(cloud, new):
    """Only Cinder knows that its volume type is encrypted."""
    make = cloud.cinder.add_volume
    cloud.cinder.add_volume = lambda **fields: make(encrypted=True, **fields)
    action = new([ROOT])
    cloud.build(action)
    assert cloud.instance(action.instance_uuid).vm_state == "error"
    (fault,) = db.instance_faults.get_latest_faults([action.instance_uuid]).values()
    assert "it has no key manager" in fault["message"]
    assert cloud.cinder.attachments == {}
    assert failed_builds() == 0 and cloud.casts == []


def test_boot_from_an_encrypted_volume(cloud, new, override):
    override("backend", "barbican", "key_manager")
    volume = cloud.cinder.add_volume(encrypted=True)
    root = {"source_type": "volume", "uuid": volume, "boot_index": 0}
    action = new([root])
    cloud.build(action)
    assert cloud.instance(action.instance_uuid).vm_state == "active"
    cloud.cinder.encryption["provider"] = "plain"
    refused = new([{**root, "uuid": cloud.cinder.add_volume(encrypted=True)}])
    cloud.build(refused)
    (fault,) = db.instance_faults.get_latest_faults([refused.instance_uuid]).values()
    assert "its encryption is 'plain'" in fault["message"]
    assert [each["status"] for each in cloud.cinder.attachments.values()] == ["attached"]


def test_a_volume_that_another_server_has_ends_the_build(cloud, new, volume):
    action = new([{"source_type": "volume", "uuid": volume, "boot_index": 0}])
    cloud.cinder.volumes[volume]["status"] = "in-use"
    cloud.build(action)
    assert cloud.instance(action.instance_uuid).vm_state == "error"
    assert cloud.cinder.status(volume) == "in-use" and cloud.cinder.attachments == {}


@pytest.mark.parametrize(
    "error",
    [
        exception.ImageUnacceptable(image_id=IMAGE, reason="it refers to other files"),
        exception.FlavorDiskSmallerThanImage(flavor_size=1, image_size=2),
        exception.ImageNotAuthorized(image_id=IMAGE),
        exception.PortNotUsable(port_id="port", instance="server"),
        exception.DevicePathInUse(path="/dev/vda"),
        exception.NeutronRequestRefused(status=409, error_type="OverQuota", reason="q"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_the_request_is_not_counted_as_a_failed_build(cloud, new, monkeypatch, error):
    """The build is not rescheduled, because it would fail on every host."""

    def spawn(*args, **kwargs):
        raise error

    monkeypatch.setattr(cloud.manager.driver, "spawn", spawn)
    action = new([ROOT])
    cloud.build(action)
    assert cloud.instance(action.instance_uuid).vm_state == "error"
    assert cloud.unfinished() == [] and cloud.casts == []
    assert failed_builds() == 0


def test_the_next_host_gets_the_volumes_of_a_failed_build(cloud, new):
    action = new([ROOT])
    metadata = {"fake:fail_spawn_on": HOST}
    cloud.set(action.instance_uuid, metadata=metadata)
    cloud.build(action)
    row = db.actions.get(action.id)
    assert (row["host"], row["method"]) == (None, "build_instances")
    assert cloud.casts == [("build_instances", {"action_ids": [action.id]})]
    assert failed_builds() > 0  # every call is made twice
    (made,) = cloud.cinder.volumes.values()
    assert made["status"] == "available" and cloud.cinder.attachments == {}
    cloud.set(action.instance_uuid, metadata={})
    cloud.build(action)
    check_running(cloud, action.instance_uuid, [1])
    assert list(cloud.cinder.volumes) == [made["id"]]


def test_the_next_host_gets_the_failed_host_as_fallback_for_the_image(cloud, new, monkeypatch):
    action, fallbacks, spawn = new([ROOT]), [], cloud.manager.driver.spawn

    def listen(*args, fallback_from_host, **kwargs):
        fallbacks.append(fallback_from_host)
        spawn(*args, fallback_from_host=fallback_from_host, **kwargs)

    monkeypatch.setattr(cloud.manager.driver, "spawn", listen)
    cloud.set(action.instance_uuid, metadata={"fake:fail_spawn_on": HOST})
    cloud.build(action)
    cloud.set(action.instance_uuid, metadata={})
    cloud.build(action)
    check_running(cloud, action.instance_uuid, [1])
    assert fallbacks == [None, HOST]


def test_a_lost_answer_creates_no_second_volume(cloud, new):
    """Even if Cinder is not reachable for the retry: the host finds the volume."""
    cloud.cinder.lost_responses += [("POST", "/volumes"), ("POST", "/attachments")]
    cloud.cinder.failures["GET", "/volumes/detail"] = [(503, FAILURE)] * 4
    action = new([ROOT])  # its volume exists without a record
    assert cloud.bdms(action.instance_uuid)[0]["volume_id"] is None
    cloud.build(action)
    cloud.recover()
    cloud.recover()
    check_running(cloud, action.instance_uuid, [1])
    assert len(cloud.cinder.volumes) == 1


@pytest.mark.parametrize("done", [True, False])
def test_the_api_retries_to_create_a_volume_once(cloud, new, done):
    if done:
        cloud.cinder.lost_responses += [("POST", "/volumes")]
    else:
        cloud.cinder.failures["POST", "/volumes"] = [(503, FAILURE)]
    action = new([ROOT])
    ((made, _volume),) = cloud.cinder.volumes.items()
    assert [m["volume_id"] for m in cloud.bdms(action.instance_uuid)] == [made]


def test_delete_during_the_creation_of_a_volume_leaves_no_volume(cloud, new):
    add = cloud.cinder.add_volume

    def delete_first(**fields):
        ((server, _),) = living_servers(cloud)
        cloud.api.delete(cloud.context, cloud.instance(server))
        cloud.deliver()
        return add(**fields)

    cloud.cinder.add_volume = delete_first
    with pytest.raises(exception.InstanceNotFound):
        new([ROOT])
    assert living_servers(cloud) == [] and cloud.cinder.volumes == {}


def living_servers(cloud) -> list[tuple[str, str]]:
    rows = db.query.many(db.models.instances, db.models.instances.c.deleted.is_(False))
    return [(row["uuid"], row["vm_state"]) for row in rows]


def test_the_host_creates_volumes_that_the_api_could_not_create(cloud, new):
    action = new([ROOT], volumes_too=False)
    cloud.build(action)
    check_running(cloud, action.instance_uuid, [1])


def test_a_build_that_waits_for_cinder_keeps_the_users_token(cloud, new):
    action = new([ROOT], volumes_too=False)
    cloud.cinder.failures["POST", "/volumes"] = [(503, FAILURE)]
    cloud.build(action)
    (waiting,) = cloud.unfinished()
    assert waiting["owner"] is None and cloud.cinder.volumes == {}
    cloud.redispatch()
    check_running(cloud, action.instance_uuid, [1])


def test_a_fault_explains_the_missing_volume_without_the_users_token(cloud, new):
    action = new([ROOT], volumes_too=False)
    cloud.kill_at("before InstanceBuild._build_and_run_instance")
    with pytest.raises(Killed):
        cloud.build(action)
    cloud.recover()
    assert (
        cloud.instance(action.instance_uuid).vm_state == "building"
    )  # the API may still create it
    cloud.set(action.instance_uuid, created_at=LONG_AGO)
    cloud.recover()
    assert cloud.instance(action.instance_uuid).vm_state == "error"
    (fault,) = db.instance_faults.get_latest_faults([action.instance_uuid]).values()
    assert "interrupted before its volume was created" in fault["message"]
    assert cloud.cinder.volumes == {}


def test_a_refused_volume_leaves_no_server(cloud, new):
    """Nor an earlier volume that is still being created, even without delete_on_termination."""
    made = []

    def make_one(**fields):
        cloud.cinder.failures["POST", "/volumes"] = [NO_MORE]
        made.append(add(**fields))
        return made[0]

    add, cloud.cinder.add_volume = cloud.cinder.add_volume, make_one
    cloud.cinder.new_status = "creating"
    with pytest.raises(exception.VolumeQuotaExceeded, match="no more volumes"):
        new([ROOT, DATA])
    cloud.deliver()
    assert list(cloud.cinder.volumes) == made
    cloud.cinder.volumes[made[0]]["status"] = "available"
    cloud.recover()
    assert living_servers(cloud) == [] and cloud.cinder.volumes == {}
    assert db.project_usages.get("project")["instances"] == 0


def test_an_api_killed_while_it_deletes_two_servers_leaves_faults(cloud, new):
    def refused() -> None:
        cloud.cinder.failures["POST", "/volumes"] = [NO_MORE]
        new([GOES], count=2)

    cloud.steps.clear()
    with pytest.raises(exception.VolumeQuotaExceeded):
        refused()
    left = set()
    for point in list(dict.fromkeys(cloud.steps)):
        cloud.kill_at(point)
        with pytest.raises(Killed):
            refused()
        for server, _state in living_servers(cloud):
            cloud.set(server, created_at=LONG_AGO)
        cloud.recover()
        assert {state for _server, state in living_servers(cloud)} <= {"error"}, point
        left.add(len(living_servers(cloud)))
        for server, _state in living_servers(cloud):
            (fault,) = db.instance_faults.get_latest_faults([server]).values()
            assert "interrupted before its volume was created" in fault["message"]
            cloud.delete(server)
        assert living_servers(cloud) == [] and cloud.cinder.volumes == {}
        assert db.project_usages.get("project")["instances"] == 0
    assert left == {1, 2}


# -- volumes that Cinder lost ------------------------------------------------------------------


@pytest.fixture
def lossy(cloud):
    """``lossy(times)``: Cinder records the next ``times`` volumes but never creates them."""
    add = cloud.cinder.add_volume

    def lose_next(times: int = 1) -> None:
        left = itertools.repeat(LOST, times)
        cloud.cinder.add_volume = lambda **fields: add(**fields | next(left, {}))

    return lose_next


def test_a_volume_that_cinder_lost_is_requested_again(cloud, new, lossy):
    lossy()
    action = new([ROOT])
    (lost,) = cloud.cinder.volumes
    cloud.build(action)
    check_running(cloud, action.instance_uuid, [1])
    assert lost not in cloud.cinder.volumes and len(cloud.cinder.volumes) == 1
    details = [e["details"] for e in db.actions.get_events([action.id]) if "recovery" in e["event"]]
    assert details == [
        f"Volume {lost} was not created: it is deleted and another one is requested."
    ]


def test_a_volume_that_cinder_loses_twice_ends_the_build(cloud, new, lossy):
    lossy(2)
    action = new([GOES])
    cloud.build(action)
    assert cloud.instance(action.instance_uuid).vm_state == "error"
    (fault,) = db.instance_faults.get_latest_faults([action.instance_uuid]).values()
    assert "its status is creating" in fault["message"]
    assert len(cloud.cinder.volumes) == 1
    cloud.delete(action.instance_uuid)
    assert cloud.cinder.volumes == {}


def test_a_build_killed_while_a_volume_is_lost_leaves_none(cloud, new, lossy):
    """Without the user's token, no other volume can be requested."""
    lossy()
    action = new([ROOT])
    cloud.steps.clear()
    cloud.build(action)
    outcomes = set()
    for point in list(dict.fromkeys(cloud.steps)):
        for there in (cloud.cinder.volumes, cloud.cinder.attachments):
            there.clear()
        lossy()
        action = new([GOES])
        cloud.kill_at(point)
        with pytest.raises(Killed):
            cloud.build(action)
        cloud.set(action.instance_uuid, created_at=LONG_AGO)
        cloud.recover()
        outcomes.add(cloud.instance(action.instance_uuid).vm_state)
        cloud.delete(action.instance_uuid)
        assert cloud.cinder.volumes == cloud.cinder.attachments == {}, point
    assert outcomes == {"active", "error"}


def test_delete_removes_a_volume_that_cinder_lost(cloud, new, lossy):
    lossy()
    action = new([GOES])
    cloud.delete(action.instance_uuid)
    assert db.instances.get_by_uuid(action.instance_uuid) is None and cloud.cinder.volumes == {}


@pytest.mark.parametrize("status", ["creating", "downloading"])
def test_delete_waits_until_the_volume_is_created(cloud, new, status):
    """A volume being created cannot be deleted. The conductor's thread does not block."""
    cloud.cinder.new_status = status
    action = new([GOES])
    cloud.delete(action.instance_uuid)
    assert cloud.instance(action.instance_uuid).task_state == "deleting"
    ((made, volume),) = cloud.cinder.volumes.items()
    assert f"GET /volumes/{made}" in [f"{m} {path}" for m, path, _headers in cloud.cinder.seen]
    volume["status"] = "available"
    cloud.recover()
    assert db.instances.get_by_uuid(action.instance_uuid) is None and cloud.cinder.volumes == {}


def test_delete_keeps_a_volume_with_snapshots(cloud, new):
    action = new([GOES])
    (made,) = cloud.cinder.volumes
    refused = (400, {"badRequest": {"message": "it has snapshots", "code": 400}})
    cloud.cinder.failures["DELETE", f"/volumes/{made}"] = [refused, refused]
    cloud.delete(action.instance_uuid)
    assert db.instances.get_by_uuid(action.instance_uuid) is None
    assert list(cloud.cinder.volumes) == [made]


def test_a_build_killed_at_every_step_is_done(cloud, new):
    action = new([ROOT, DATA])
    cloud.steps.clear()
    cloud.build(action)
    points = list(dict.fromkeys(cloud.steps))
    assert len(points) > 30
    for point in points:
        for volumes in (cloud.cinder.volumes, cloud.cinder.attachments):
            volumes.clear()
        action = new([ROOT, DATA])
        cloud.kill_at(point)
        with pytest.raises(Killed):
            cloud.build(action)
        cloud.recover()
        server = action.instance_uuid
        check_running(cloud, server, [1, 2])


def test_a_delete_killed_at_every_step_is_done(cloud, new):
    cloud.build(action := new([ROOT, DATA]))
    cloud.steps.clear()
    cloud.delete(action.instance_uuid)
    for point in list(dict.fromkeys(cloud.steps)):
        cloud.cinder.volumes.clear()
        cloud.build(action := new([ROOT, DATA]))
        cloud.kill_at(point)
        with pytest.raises(Killed):
            cloud.delete(action.instance_uuid)
        cloud.recover()
        assert db.instances.get_by_uuid(action.instance_uuid) is None, point
        assert cloud.cinder.attachments == {}, point
        assert [(v["size"], v["status"]) for v in cloud.cinder.volumes.values()] == [
            (1, "available")
        ], point


def test_a_server_that_never_had_a_host_is_deleted_with_its_volumes(cloud, new):
    action = new([ROOT, DATA])
    instance = cloud.instance(action.instance_uuid)
    cloud.api.delete(cloud.context, instance)
    ((method, kwargs),) = cloud.casts
    assert method == "delete_unscheduled_instance"
    cloud.tasks.delete_unscheduled_instance(cloud.context, kwargs["action_ids"])
    assert db.instances.get_by_uuid(action.instance_uuid) is None
    assert [v["size"] for v in cloud.cinder.volumes.values()] == [1]
