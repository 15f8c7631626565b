"""Shelve, offload and unshelve: with volumes, with failures, and killed at every step."""

from __future__ import annotations

import contextlib
import datetime
import time
from concurrent import futures

import oslo_messaging as messaging
import pytest

from nova_mini import db, exception, rpc
from nova_mini.clock import utcnow
from nova_mini.compute.host import orphans
from nova_mini.conductor import unfinished_image_sweep
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.external import shelved_image
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.request_spec import RequestSpec
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE
from tests.unit.compute.cloud_in_one_process import HOST, CloudInOneProcess, Killed

pytestmark = pytest.mark.usefixtures("glance")

OFFLOADED = "shelved_offloaded"


@pytest.fixture
def no_offload():
    """Shelved servers stay on their hosts."""
    CONF.set_override("shelved_offload_time", -1)
    yield
    CONF.clear_override("shelved_offload_time")


def shelve(cloud: CloudInOneProcess, server: str) -> None:
    cloud.request("shelve", server)


def unshelve(cloud: CloudInOneProcess, server: str) -> None:
    cloud.request("unshelve", server, {})


def guest(cloud: CloudInOneProcess, server: str):
    return cloud.manager.driver._guests.find(server)


def images(glance) -> dict[str, dict]:
    """Images that were made from servers."""
    return {key: each for key, each in glance.images.items() if key not in (IMAGE, OTHER_IMAGE)}


def fault(server: str) -> str:
    return db.instance_faults.get_latest_faults([server])[server]["message"]


def check_offloaded(cloud: CloudInOneProcess, server: str, glance, volumes=()) -> None:
    """The server is on no host; its image is complete and its volumes are reserved."""
    row = cloud.instance(server)
    assert cloud.unfinished() == []
    assert (row.vm_state, row.task_state, row.power_state) == (OFFLOADED, None, 0)
    assert (row.host, row.node) == (None, None)
    assert db.allocations.get(server) is None
    assert guest(cloud, server) is None
    whole = [key for key, image in images(glance).items() if image["status"] == "active"]
    assert whole == list(images(glance))
    assert whole == ([] if row.is_volume_backed else [shelved_image.id_of(row)])
    held = {each["id"]: each for each in cloud.cinder.of_instance(server)}
    mappings = cloud.bdms(server)
    assert {each["volume_id"] for each in mappings} == set(volumes)
    assert {each["attachment_id"] for each in mappings} == held.keys()
    assert all(each["connection_info"] is None for each in mappings)
    assert all(each["status"] == "reserved" for each in held.values())
    assert all(cloud.cinder.status(each) == "reserved" for each in volumes)


def check_runs(cloud: CloudInOneProcess, server: str, glance, volumes=()) -> None:
    row = cloud.instance(server)
    assert cloud.unfinished() == []
    assert (row.vm_state, row.task_state, row.power_state) == ("active", None, 1)
    assert (row.host, row.node) == (HOST, HOST)
    assert db.allocations.get(server)["host"] == HOST
    assert not [name for name in row.system_metadata if name.startswith("shelved")]
    assert images(glance) == {}
    assert sorted(cloud.guest_volumes(server).values()) == sorted(volumes)
    held = cloud.cinder.of_instance(server)
    assert {each["attachment_id"] for each in cloud.bdms(server)} == {a["id"] for a in held}
    assert all(each["status"] == "attached" for each in held)
    assert all(cloud.cinder.status(each) == "in-use" for each in volumes)


# -- shelve and unshelve -------------------------------------------------------------------------


def test_shelve_removes_the_server_from_its_host(cloud, server, volume, glance):
    cloud.attach(server, volume)
    before = utcnow()
    shelve(cloud, server)
    check_offloaded(cloud, server, glance, [volume])
    metadata = cloud.instance(server).system_metadata
    assert metadata["shelved_host"] == HOST
    assert datetime.datetime.fromisoformat(metadata["shelved_at"]) >= before
    (image,) = images(glance).values()
    assert (image["name"], image["owner"]) == ("s-shelved", "project")
    assert image["base_image_ref"] == IMAGE


def test_unshelve_builds_the_server_from_its_shelved_image(cloud, server, volume, glance):
    cloud.attach(server, volume)
    shelve(cloud, server)
    (image_id,) = images(glance)
    unshelve(cloud, server)
    check_runs(cloud, server, glance, [volume])
    assert guest(cloud, server).image == image_id
    assert cloud.instance(server).image_ref == IMAGE
    assert cloud.guest_volumes(server) == {"/dev/vdb": volume}


def test_a_volume_backed_server_is_offloaded_at_once_without_an_image(
    cloud, backed, glance, no_offload
):
    server, root, data = backed
    shelve(cloud, server)
    check_offloaded(cloud, server, glance, [root, data])
    unshelve(cloud, server)
    check_runs(cloud, server, glance, [root, data])
    assert cloud.guest_volumes(server) == {"/dev/vda": root, "/dev/vdb": data}


def test_states_during_shelve_and_unshelve(cloud, server, glance, monkeypatch):
    seen = []
    write = Instance.write

    def note(instance, *args, **kwargs):
        seen.append((instance.vm_state, instance.task_state))
        write(instance, *args, **kwargs)

    monkeypatch.setattr(Instance, "write", note)
    shelve(cloud, server)
    unshelve(cloud, server)
    monkeypatch.undo()
    assert list(dict.fromkeys(seen)) == [
        ("active", "shelving_image_pending_upload"),
        ("active", "shelving_image_uploading"),
        ("shelved", "shelving_image_uploading"),
        ("shelved", "shelving_offloading"),
        (OFFLOADED, None),
        (OFFLOADED, "unshelving"),
        (OFFLOADED, "spawning"),
        ("active", None),
    ]


def test_notifications_of_shelve_and_unshelve(cloud, server, glance, monkeypatch):
    notifications = []

    class Notifier:
        def info(self, _context, event, payload):
            notifications.append((event.removeprefix("compute.instance."), payload["state"]))

    monkeypatch.setattr(rpc, "are_notifications_enabled", lambda: True)
    monkeypatch.setattr(rpc, "get_notifier", lambda publisher: Notifier())
    shelve(cloud, server)
    unshelve(cloud, server)
    assert notifications == [
        ("shelve.start", "active"),
        ("shelve.end", "shelved"),
        ("shelve_offload.start", "shelved"),
        ("shelve_offload.end", OFFLOADED),
        ("unshelve.start", OFFLOADED),
        ("unshelve.end", "active"),
    ]


def test_unshelve_changes_the_pinned_availability_zone(cloud, server, glance):
    def pinned() -> tuple:
        spec = RequestSpec.get_by_instance_uuid(cloud.context, server)
        return cloud.instance(server).pinned_availability_zone, spec.availability_zone

    for zone in ("nova", None):
        shelve(cloud, server)
        cloud.request("unshelve", server, {"availability_zone": zone})
        check_runs(cloud, server, glance)
        assert pinned() == (zone, zone)
    shelve(cloud, server)
    services = db.models.services
    db.query.update(services, {"disabled": True}, services.c.host == HOST)
    cloud.request("unshelve", server, {"availability_zone": "nova"})
    check_offloaded(cloud, server, glance)
    assert pinned() == (None, None)  # the unshelve failed


# -- shelved on its host -------------------------------------------------------------------------


def test_a_server_shelved_on_its_host_keeps_guest_and_volumes(
    cloud, server, volume, glance, no_offload
):
    cloud.attach(server, volume)
    shelve(cloud, server)
    row = cloud.instance(server)
    assert (row.vm_state, row.task_state, row.host) == ("shelved", None, HOST)
    assert guest(cloud, server).state == row.power_state == 4
    assert cloud.cinder.status(volume) == "in-use"
    second = cloud.cinder.add_volume()
    cloud.attach(server, second)
    cloud.detach(server, volume)
    assert [cloud.cinder.status(each) for each in (volume, second)] == ["available", "in-use"]
    db.allocations.claim(server, HOST, {"vcpus": 1, "memory_mb": 128, "local_gb": 1})
    unshelve(cloud, server)
    check_runs(cloud, server, glance, [second])
    assert guest(cloud, server).image is None  # the same guest as before


def test_an_administrator_offloads_a_shelved_server(cloud, server, volume, glance, no_offload):
    cloud.attach(server, volume)
    shelve(cloud, server)
    cloud.request("shelve_offload", server)
    check_offloaded(cloud, server, glance, [volume])
    with pytest.raises(exception.InstanceInvalidState, match="'shelveOffload'"):
        cloud.request("shelve_offload", server)


def test_offload_after_shelved_offload_time_with_lost_answers(cloud, server, glance):
    """The host loses the answer to its intent, and finds the new action later."""
    CONF.set_override("shelved_offload_time", 60)
    try:
        shelve(cloud, server)
        cloud.run_periodic_task("_poll_shelved_instances")
        assert cloud.unfinished() == [] and cloud.instance(server).vm_state == "shelved"
        earlier = (utcnow() - datetime.timedelta(seconds=61)).isoformat()
        metadata = {**cloud.instance(server).system_metadata, "shelved_at": earlier}
        cloud.set(server, system_metadata=metadata)
        cloud.run_periodic_task("_poll_shelved_instances")
        cloud.run_periodic_task("_poll_shelved_instances")
    finally:
        CONF.clear_override("shelved_offload_time")
    (action,) = cloud.unfinished()
    assert (action["action"], action["host"], action["user_id"]) == ("shelveOffload", HOST, "user")
    cloud.recover()
    check_offloaded(cloud, server, glance)


def test_offload_after_shelved_offload_time(cloud, server, glance, monkeypatch):
    monkeypatch.setattr(cloud.manager.runner, "_resuming", SameThread())
    CONF.set_override("shelved_offload_time", 1)
    try:
        shelve(cloud, server)
        time.sleep(1)
        cloud.manager._poll_shelved_instances()
    finally:
        CONF.clear_override("shelved_offload_time")
    check_offloaded(cloud, server, glance)


class SameThread(futures.Executor):
    """An executor that runs the work of a host at once, in the calling thread."""

    @staticmethod
    def submit(function, *args) -> None:
        with contextlib.suppress(messaging.ExpectedException):
            function(*args)


def test_offload_fails_if_the_shelved_image_is_missing(cloud, server, glance, no_offload):
    shelve(cloud, server)
    (image_id,) = images(glance)
    del glance.images[image_id]  # by its user
    cloud.request("shelve_offload", server)
    assert cloud.instance(server).vm_state == "shelved"
    assert guest(cloud, server)
    assert image_id in fault(server)


# -- volumes of offloaded servers ----------------------------------------------------------------


def test_attach_and_detach_of_an_offloaded_server(cloud, server, volume, glance):
    second, third = cloud.cinder.add_volume(), cloud.cinder.add_volume()
    cloud.attach(server, volume)
    shelve(cloud, server)
    named = cloud.attach(server, second, device="/dev/vdx", delete_on_termination=True)
    assert named.device_name == "/dev/vdx" and named.delete_on_termination
    assert cloud.attach(server, third).device_name is None
    check_offloaded(cloud, server, glance, [volume, second, third])
    cloud.detach(server, volume)
    assert cloud.cinder.status(volume) == "available"
    check_offloaded(cloud, server, glance, [second, third])
    unshelve(cloud, server)
    check_runs(cloud, server, glance, [second, third])
    assert cloud.guest_volumes(server) == {"/dev/vdx": second, "/dev/vdb": third}


def test_unshelve_replaces_invalid_device_names(cloud, server, volume, glance):
    second = cloud.cinder.add_volume()
    cloud.attach(server, volume)
    shelve(cloud, server)
    with pytest.raises(exception.DevicePathInUse):
        cloud.attach(server, second, device="/dev/vdb")
    assert cloud.cinder.status(second) == "available"
    cloud.attach(server, second, device="/dev/vda")  # the root disk's
    unshelve(cloud, server)
    assert cloud.guest_volumes(server) == {"/dev/vdb": volume, "/dev/vdc": second}
    assert {each["device_name"] for each in cloud.bdms(server)} == {"/dev/vdb", "/dev/vdc"}


def test_attach_to_an_offloaded_server_refuses_features_of_hosts(cloud, server, volume, glance):
    shelve(cloud, server)
    with pytest.raises(exception.VolumeTaggedAttachToShelvedNotSupported):
        cloud.attach(server, volume, tag="data")
    several = cloud.cinder.add_volume(multiattach=True)
    with pytest.raises(exception.MultiattachToShelvedNotSupported):
        cloud.attach(server, several, supports_multiattach=True)
    with pytest.raises(exception.InvalidVolume):
        cloud.attach(server, cloud.cinder.add_volume(status="in-use"))
    check_offloaded(cloud, server, glance)


def test_attach_with_a_lost_answer_of_cinder_leaves_nothing(cloud, server, volume, glance):
    shelve(cloud, server)
    cloud.cinder.lost_responses.append(("POST", "/attachments"))
    with pytest.raises(exception.CinderConnectionFailed):
        cloud.attach(server, volume)
    cloud.deliver()
    assert cloud.cinder.status(volume) == "available"
    check_offloaded(cloud, server, glance)


def test_unshelve_waits_for_an_earlier_attach(cloud, server, volume, glance):
    """Otherwise the host would not know of the volume."""
    shelve(cloud, server)
    deliver, cloud.deliver = cloud.deliver, lambda: None
    cloud.attach(server, volume)
    message = cloud.casts.pop()
    cloud.deliver = deliver
    unshelve(cloud, server)
    assert cloud.instance(server).task_state == "unshelving"
    cloud.casts.append(message)
    cloud.deliver()
    cloud.recover()
    check_runs(cloud, server, glance, [volume])


def test_shelve_waits_for_an_earlier_attach(cloud, server, volume, glance):
    deliver, cloud.deliver = cloud.deliver, lambda: None
    cloud.attach(server, volume)
    message = cloud.casts.pop()
    cloud.deliver = deliver
    shelve(cloud, server)
    assert cloud.instance(server).task_state == "shelving"
    cloud.casts.append(message)
    cloud.deliver()
    cloud.recover()
    check_offloaded(cloud, server, glance, [volume])


# -- failures ------------------------------------------------------------------------------------


def check_as_before(cloud, server, glance, vm_state="active", power_state=1) -> None:
    row = cloud.instance(server)
    assert (row.vm_state, row.power_state, row.task_state) == (vm_state, power_state, None)
    assert guest(cloud, server).state == power_state
    assert row.host == HOST
    assert shelved_image.id_of(row) is None
    assert images(glance) == {}
    assert cloud.unfinished() == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (413, exception.ImageQuotaExceeded),
        (400, exception.ImageBadRequest),
        (500, exception.GlanceConnectionFailed),
    ],
)
def test_a_refused_image_leaves_the_server_running(cloud, server, glance, status, error):
    """For example an image name with characters that Glance's database cannot store."""
    glance.refuses = status
    with pytest.raises(error):
        shelve(cloud, server)
    check_as_before(cloud, server, glance)
    assert "power off" not in guest(cloud, server).console
    glance.refuses = None
    shelve(cloud, server)
    check_offloaded(cloud, server, glance)


def test_the_host_creates_the_image_before_it_powers_the_guest_off(cloud, server, glance):
    """The API died before it created the image."""
    cloud.kill_at("before ComputeAPI.send")
    with pytest.raises(Killed):
        shelve(cloud, server)
    glance.images.pop(shelved_image.id_of(cloud.instance(server)))
    glance.refuses = 413
    cloud.recover()
    check_as_before(cloud, server, glance)
    assert "power off" not in guest(cloud, server).console
    assert "out of space" in fault(server)


@pytest.mark.parametrize(
    ("before", "vm_state", "power_state"),
    [(None, "active", 1), ("pause", "paused", 3), ("stop", "stopped", 4)],
)
def test_a_failed_upload_restores_the_power_state(
    cloud, server, glance, monkeypatch, before, vm_state, power_state
):
    def refuse(_context, image_id, _fileobj):
        raise exception.ImageQuotaExceeded(image_id=image_id)

    if before:
        cloud.request(before, server)
    monkeypatch.setattr(cloud.manager.driver._image_api, "upload", refuse)
    shelve(cloud, server)
    check_as_before(cloud, server, glance, vm_state, power_state)
    assert "out of space" in fault(server)
    action, *_ = db.actions.get_by_instance(server)
    assert (action["action"], action["message"]) == ("shelve", "Error")


def test_a_failing_shelve_killed_at_every_step_leaves_the_server_running(
    cloud, server, glance, monkeypatch
):
    def refuse(self, _context, image_id, _fileobj):
        raise exception.ImageQuotaExceeded(image_id=image_id)

    monkeypatch.setattr(type(cloud.manager.driver._image_api), "upload", refuse)
    cloud.steps.clear()
    shelve(cloud, server)
    points = [each for each in dict.fromkeys(cloud.steps) if "Compute" in each or "_" in each]
    assert "_restore_power" in points
    for point in points[points.index("before ComputeManager.shelve_instance") :]:
        cloud.kill_at(point)
        with pytest.raises(Killed):
            shelve(cloud, server)
        cloud.recover()
        check_as_before(cloud, server, glance)


def test_a_failed_unshelve_leaves_the_server_offloaded(cloud, server, volume, glance, monkeypatch):
    def refuse(*args, **kwargs):
        raise exception.HypervisorError(reason="no")

    cloud.attach(server, volume)
    shelve(cloud, server)
    with monkeypatch.context() as patch:
        patch.setattr(cloud.manager.driver, "spawn", refuse)
        unshelve(cloud, server)
    check_offloaded(cloud, server, glance, [volume])
    assert cloud.manager.rt._tracked == {}
    (action,) = [a for a in db.actions.get_by_instance(server) if a["action"] == "unshelve"]
    assert action["message"] == "Error"
    unshelve(cloud, server)
    check_runs(cloud, server, glance, [volume])


def test_unshelve_without_a_valid_host_leaves_the_server_offloaded(cloud, server, glance):
    shelve(cloud, server)
    nodes = db.models.compute_nodes
    db.query.update(nodes, {"vcpus_used": 10**6}, nodes.c.host == HOST)
    unshelve(cloud, server)
    check_offloaded(cloud, server, glance)
    assert "No valid host" in fault(server)


def test_unshelve_schedules_with_the_present_image_properties(cloud, server, glance):
    """A rebuild may have changed the image since the server was scheduled."""
    shelve(cloud, server)
    instance = cloud.instance(server)
    instance.system_metadata = {**instance.system_metadata, "image_hw_viommu_model": "auto"}
    instance.save()
    unshelve(cloud, server)
    check_offloaded(cloud, server, glance)
    assert "image property hw_viommu_model=auto" in fault(server)


def test_unshelve_fails_if_the_shelved_image_is_missing(cloud, server, glance, monkeypatch):
    shelve(cloud, server)
    (image_id,) = images(glance)
    driver = cloud.manager.driver
    spawn = driver.spawn

    def fetch_and_spawn(context, instance, image_meta, *args, **kwargs):
        cloud.manager.image_api.get(context, image_meta.id)
        spawn(context, instance, image_meta, *args, **kwargs)

    monkeypatch.setattr(driver, "spawn", fetch_and_spawn)
    del glance.images[image_id]
    unshelve(cloud, server)
    assert cloud.instance(server).vm_state == OFFLOADED
    assert cloud.instance(server).host is None
    assert image_id in fault(server)


def test_unshelve_ignores_an_image_that_cannot_be_deleted(cloud, server, glance, monkeypatch):
    def refuse(_context, image_id):
        raise exception.ImageNotAuthorized(image_id=image_id)

    shelve(cloud, server)
    monkeypatch.setattr(cloud.manager.image_api, "delete", refuse)
    unshelve(cloud, server)
    assert cloud.instance(server).vm_state == "active"
    assert len(images(glance)) == 1


# -- delete, orphans and unfinished images -------------------------------------------------------


def test_delete_removes_image_and_attachments(cloud, server, glance):
    staying, deleted = cloud.cinder.add_volume(), cloud.cinder.add_volume()
    cloud.attach(server, staying)
    shelve(cloud, server)
    cloud.attach(server, deleted, delete_on_termination=True)
    cloud.delete(server)
    assert db.instances.get_by_uuid(server) is None
    assert images(glance) == {} and cloud.cinder.attachments == {}
    assert list(cloud.cinder.volumes) == [staying]


def test_delete_during_shelve_removes_the_image(cloud, server, glance):
    """The image may be complete already."""
    cloud.kill_at("_make_image")
    with pytest.raises(Killed):
        shelve(cloud, server)
    assert len(images(glance)) == 1
    cloud.start_compute()
    cloud.delete(server)
    assert images(glance) == {}


def test_the_guest_of_an_offloaded_server_is_an_orphan(cloud, server, glance):
    instance = cloud.instance(server)
    shelve(cloud, server)
    cloud.manager.driver.spawn(cloud.context, instance, None, [], None)
    assert orphans.find(cloud.manager.services, orphans.GUEST) == [server]
    orphans.destroy_all(cloud.manager.services, orphans.ALL.values())
    check_offloaded(cloud, server, glance)


def test_the_guest_of_a_server_being_unshelved_is_not_an_orphan(cloud, server, glance):
    instance = cloud.instance(server)
    shelve(cloud, server)
    cloud.kill_at("before ComputeManager.unshelve_instance")
    with pytest.raises(Killed):
        unshelve(cloud, server)
    cloud.manager.driver.spawn(cloud.context, instance, None, [], None)
    assert orphans.find(cloud.manager.services, orphans.GUEST) == []


def test_the_unfinished_image_of_a_reset_shelve_is_discarded(cloud, server, glance):
    cloud.kill_at("before FakeDriver.snapshot")
    with pytest.raises(Killed):
        shelve(cloud, server)
    assert [image["status"] for image in images(glance).values()] == ["queued"]
    unfinished_image_sweep.discard_all()
    assert len(images(glance)) == 1
    InstanceAction.reset(get_admin_context(), cloud.instance(server))
    unfinished_image_sweep.discard_all()
    assert images(glance) == {}


def test_shelve_deletes_the_image_of_an_earlier_shelve_that_was_reset(cloud, server, glance):
    """The earlier image is complete."""
    cloud.kill_at("FakeDriver.snapshot")
    with pytest.raises(Killed):
        shelve(cloud, server)
    instance = cloud.instance(server)
    instance.task_state = None
    InstanceAction.reset(get_admin_context(), instance)
    (first,) = images(glance)
    shelve(cloud, server)
    check_offloaded(cloud, server, glance)
    assert first not in glance.images
    with pytest.raises(exception.InstanceInvalidState):
        shelve(cloud, server)
    check_offloaded(cloud, server, glance)  # the refused request changed nothing


# -- killed at every step ------------------------------------------------------------------------


def kill_at_each_step(cloud, act, prepare, check) -> int:
    """Kill ``act`` at each of its steps, recover, ``check(point)``. Returns the number of steps."""
    prepare()
    cloud.steps.clear()
    act()
    points = list(dict.fromkeys(cloud.steps))
    for point in points:
        prepare()
        cloud.kill_at(point)
        with pytest.raises(Killed):
            act()
        cloud.recover()
        check(point)
    return len(points)


def ensure_running(cloud, server) -> None:
    if cloud.instance(server).vm_state != "active":
        unshelve(cloud, server)
    assert cloud.instance(server).vm_state == "active"


def ensure_shelved(cloud, server) -> None:
    if cloud.instance(server).vm_state != OFFLOADED:
        shelve(cloud, server)
    assert cloud.instance(server).vm_state == OFFLOADED


def test_shelve_killed_at_every_step_is_done(cloud, server, volume, glance):
    cloud.attach(server, volume)
    number = kill_at_each_step(
        cloud,
        lambda: shelve(cloud, server),
        lambda: ensure_running(cloud, server),
        lambda point: check_offloaded(cloud, server, glance, [volume]),
    )
    assert number > 25


def test_unshelve_killed_at_every_step_is_done(cloud, server, volume, glance):
    cloud.attach(server, volume)
    number = kill_at_each_step(
        cloud,
        lambda: unshelve(cloud, server),
        lambda: ensure_shelved(cloud, server),
        lambda point: check_runs(cloud, server, glance, [volume]),
    )
    assert number > 40


def test_attach_killed_at_every_step_is_done_or_undone(cloud, server, glance):
    volume = cloud.cinder.add_volume()
    ensure_shelved(cloud, server)
    ends = {}

    def prepare():
        if cloud.bdms(server):
            cloud.detach(server, volume)

    def check(point):
        ends[point] = cloud.cinder.status(volume)
        volumes = [volume] if ends[point] == "reserved" else []
        check_offloaded(cloud, server, glance, volumes)

    kill_at_each_step(cloud, lambda: cloud.attach(server, volume), prepare, check)
    assert ends["create_mapping"] == "available"  # no success was reported
    assert ends["API._attach_volume"] == "reserved"


def test_detach_killed_at_every_step_is_done(cloud, server, glance):
    volume = cloud.cinder.add_volume()
    ensure_shelved(cloud, server)

    def prepare():
        if not cloud.bdms(server):
            cloud.attach(server, volume)

    def check(point):
        volumes = [volume] if point == "before API.detach_volume" else []
        check_offloaded(cloud, server, glance, volumes)

    kill_at_each_step(cloud, lambda: cloud.detach(server, volume), prepare, check)
