"""Servers that are shelved: with their volumes, at every step, and never half."""

from __future__ import annotations

import contextlib
import datetime
import time

import oslo_messaging as messaging
import pytest

from nova_mini import db, exception, rpc
from nova_mini.compute import leftovers, shelved_image
from nova_mini.conductor import unfinished_images
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.objects.base import utcnow
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.request_spec import RequestSpec
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE
from tests.unit.compute.world import HOST, Killed, World

pytestmark = pytest.mark.usefixtures("glance")

OFFLOADED = "shelved_offloaded"


@pytest.fixture
def stays():
    """A server that is shelved stays on its host."""
    CONF.set_override("shelved_offload_time", -1)
    yield
    CONF.clear_override("shelved_offload_time")


def ask(world: World, method: str, server: str, *args) -> None:
    """A new request of the user's."""
    world.context = RequestContext(
        user_id="user", project_id="project", auth_token="users-token", overwrite=False
    )
    getattr(world.api, method)(world.context, world.instance(server), *args)
    world.deliver()


def shelve(world: World, server: str) -> None:
    ask(world, "shelve", server)


def unshelve(world: World, server: str) -> None:
    ask(world, "unshelve", server, {})


def guest(world: World, server: str):
    return world.manager.driver._guests.find(server)


def images(glance) -> dict[str, dict]:
    """Those that were made of servers."""
    return {key: each for key, each in glance.images.items() if key not in (IMAGE, OTHER_IMAGE)}


def fault(server: str) -> str:
    return db.instances.get_latest_faults([server])[server]["message"]


def check_offloaded(world: World, server: str, glance, volumes=()) -> None:
    """It is on no host, and what it will need is kept."""
    row = world.instance(server)
    assert world.unfinished() == []
    assert (row.vm_state, row.task_state, row.power_state) == (OFFLOADED, None, 0)
    assert (row.host, row.node) == (None, None)
    assert db.allocations.get(server) is None
    assert guest(world, server) is None
    whole = [key for key, image in images(glance).items() if image["status"] == "active"]
    assert whole == list(images(glance))
    assert whole == ([] if row.is_volume_backed else [shelved_image.id_of(row)])
    held = {each["id"]: each for each in world.cinder.of_instance(server)}
    mappings = world.bdms(server)
    assert {each["volume_id"] for each in mappings} == set(volumes)
    assert {each["attachment_id"] for each in mappings} == held.keys()
    assert all(each["connection_info"] is None for each in mappings)
    assert all(each["status"] == "reserved" for each in held.values())
    assert all(world.cinder.status(each) == "reserved" for each in volumes)


def check_runs(world: World, server: str, glance, volumes=()) -> None:
    row = world.instance(server)
    assert world.unfinished() == []
    assert (row.vm_state, row.task_state, row.power_state) == ("active", None, 1)
    assert (row.host, row.node) == (HOST, HOST)
    assert db.allocations.get(server)["host"] == HOST
    assert not [name for name in row.system_metadata if name.startswith("shelved")]
    assert images(glance) == {}
    assert sorted(world.guest_volumes(server).values()) == sorted(volumes)
    held = world.cinder.of_instance(server)
    assert {each["attachment_id"] for each in world.bdms(server)} == {a["id"] for a in held}
    assert all(each["status"] == "attached" for each in held)
    assert all(world.cinder.status(each) == "in-use" for each in volumes)


# -- there and back ------------------------------------------------------------------------------


def test_shelve_takes_it_off_its_host(world, server, volume, glance):
    world.attach(server, volume)
    before = utcnow()
    shelve(world, server)
    check_offloaded(world, server, glance, [volume])
    told = world.instance(server).system_metadata
    assert told["shelved_host"] == HOST
    assert datetime.datetime.fromisoformat(told["shelved_at"]) >= before
    (image,) = images(glance).values()
    assert (image["name"], image["owner"]) == ("s-shelved", "project")
    assert image["base_image_ref"] == IMAGE


def test_unshelve_builds_it_from_its_image(world, server, volume, glance):
    world.attach(server, volume)
    shelve(world, server)
    (image_id,) = images(glance)
    unshelve(world, server)
    check_runs(world, server, glance, [volume])
    assert guest(world, server).image == image_id
    assert world.instance(server).image_ref == IMAGE
    assert world.guest_volumes(server) == {"/dev/vdb": volume}


def test_one_that_runs_from_a_volume_needs_no_image(world, backed, glance, stays):
    """And is offloaded at once, whatever the option says."""
    server, root, data = backed
    shelve(world, server)
    check_offloaded(world, server, glance, [root, data])
    unshelve(world, server)
    check_runs(world, server, glance, [root, data])
    assert world.guest_volumes(server) == {"/dev/vda": root, "/dev/vdb": data}


def test_what_the_user_sees_of_its_tasks(world, server, glance, monkeypatch):
    seen = []
    write = Instance.write

    def note(instance, *args, **kwargs):
        seen.append((instance.vm_state, instance.task_state))
        write(instance, *args, **kwargs)

    monkeypatch.setattr(Instance, "write", note)
    shelve(world, server)
    unshelve(world, server)
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


def test_who_listens_is_told(world, server, glance, monkeypatch):
    told = []

    class Notifier:
        def info(self, _context, event, payload):
            told.append((event.removeprefix("compute.instance."), payload["state"]))

    monkeypatch.setattr(rpc, "notifications_wanted", lambda: True)
    monkeypatch.setattr(rpc, "get_notifier", lambda publisher: Notifier())
    shelve(world, server)
    unshelve(world, server)
    assert told == [
        ("shelve.start", "active"), ("shelve.end", "shelved"),
        ("shelve_offload.start", "shelved"), ("shelve_offload.end", OFFLOADED),
        ("unshelve.start", OFFLOADED), ("unshelve.end", "active"),
    ]  # fmt: skip


def test_the_zone_that_its_user_wants_from_now_on(world, server, glance):
    def pinned() -> tuple:
        spec = RequestSpec.get_by_instance_uuid(world.context, server)
        return world.instance(server).pinned_availability_zone, spec.availability_zone

    for zone in ("nova", None):
        shelve(world, server)
        ask(world, "unshelve", server, {"availability_zone": zone})
        check_runs(world, server, glance)
        assert pinned() == (zone, zone)
    shelve(world, server)
    services = db.models.services
    db.query.update(services, {"disabled": True}, services.c.host == HOST)
    ask(world, "unshelve", server, {"availability_zone": "nova"})
    check_offloaded(world, server, glance)
    assert pinned() == (None, None)  # it did not come about


# -- on its host ---------------------------------------------------------------------------------


def test_one_that_stays_on_its_host(world, server, volume, glance, stays):
    world.attach(server, volume)
    shelve(world, server)
    row = world.instance(server)
    assert (row.vm_state, row.task_state, row.host) == ("shelved", None, HOST)
    assert guest(world, server).state == row.power_state == 4
    assert world.cinder.status(volume) == "in-use"
    second = world.cinder.add_volume()
    world.attach(server, second)
    world.detach(server, volume)
    assert [world.cinder.status(each) for each in (volume, second)] == ["available", "in-use"]
    db.allocations.claim(server, HOST, {"vcpus": 1, "memory_mb": 128, "local_gb": 1})
    unshelve(world, server)
    check_runs(world, server, glance, [second])
    assert guest(world, server).image is None  # the guest that it was


def test_an_administrator_takes_it_off(world, server, volume, glance, stays):
    world.attach(server, volume)
    shelve(world, server)
    ask(world, "shelve_offload", server)
    check_offloaded(world, server, glance, [volume])
    with pytest.raises(exception.InstanceInvalidState, match="'shelveOffload'"):
        ask(world, "shelve_offload", server)


def test_its_time_is_over(world, server, glance):
    """The answer to the host's intent is lost once, and it finds what it asked for later."""
    CONF.set_override("shelved_offload_time", 60)
    try:
        shelve(world, server)
        world.go_round("_poll_shelved_instances")
        assert world.unfinished() == [] and world.instance(server).vm_state == "shelved"
        earlier = (utcnow() - datetime.timedelta(seconds=61)).isoformat()
        told = {**world.instance(server).system_metadata, "shelved_at": earlier}
        world.set(server, system_metadata=told)
        world.go_round("_poll_shelved_instances")
        world.go_round("_poll_shelved_instances")
    finally:
        CONF.clear_override("shelved_offload_time")
    (action,) = world.unfinished()
    assert (action["action"], action["host"], action["user_id"]) == ("shelveOffload", HOST, "user")
    world.recover()
    check_offloaded(world, server, glance)


def test_its_time_is_over_and_all_goes_well(world, server, glance, monkeypatch):
    monkeypatch.setattr(world.manager, "_resumed", AtOnce())
    CONF.set_override("shelved_offload_time", 1)
    try:
        shelve(world, server)
        time.sleep(1)
        world.manager._poll_shelved_instances()
    finally:
        CONF.clear_override("shelved_offload_time")
    check_offloaded(world, server, glance)


class AtOnce:
    """What a host does in threads of its own, done when it is told to."""

    @staticmethod
    def submit(function, *args) -> None:
        with contextlib.suppress(messaging.ExpectedException):
            function(*args)


def test_a_disk_that_is_nowhere_else_is_not_given_up(world, server, glance, stays):
    shelve(world, server)
    (image_id,) = images(glance)
    del glance.images[image_id]  # by its user
    ask(world, "shelve_offload", server)
    assert world.instance(server).vm_state == "shelved"
    assert guest(world, server)
    assert image_id in fault(server)


# -- volumes of one that is on no host -----------------------------------------------------------


def test_volumes_come_and_go_while_it_is_on_no_host(world, server, volume, glance):
    second, third = world.cinder.add_volume(), world.cinder.add_volume()
    world.attach(server, volume)
    shelve(world, server)
    named = world.attach(server, second, device="/dev/vdx", delete_on_termination=True)
    assert named.device_name == "/dev/vdx" and named.delete_on_termination
    assert world.attach(server, third).device_name is None
    check_offloaded(world, server, glance, [volume, second, third])
    world.detach(server, volume)
    assert world.cinder.status(volume) == "available"
    check_offloaded(world, server, glance, [second, third])
    unshelve(world, server)
    check_runs(world, server, glance, [second, third])
    assert world.guest_volumes(server) == {"/dev/vdx": second, "/dev/vdb": third}


def test_a_name_that_its_guest_cannot_have_is_another(world, server, volume, glance):
    second = world.cinder.add_volume()
    world.attach(server, volume)
    shelve(world, server)
    with pytest.raises(exception.DevicePathInUse):
        world.attach(server, second, device="/dev/vdb")
    assert world.cinder.status(second) == "available"
    world.attach(server, second, device="/dev/vda")  # the root disk's
    unshelve(world, server)
    assert world.guest_volumes(server) == {"/dev/vdb": volume, "/dev/vdc": second}
    assert {each["device_name"] for each in world.bdms(server)} == {"/dev/vdb", "/dev/vdc"}


def test_what_only_a_host_could_promise(world, server, volume, glance):
    shelve(world, server)
    with pytest.raises(exception.VolumeTaggedAttachToShelvedNotSupported):
        world.attach(server, volume, tag="data")
    several = world.cinder.add_volume(multiattach=True)
    with pytest.raises(exception.MultiattachToShelvedNotSupported):
        world.attach(server, several, supports_multiattach=True)
    with pytest.raises(exception.InvalidVolume):
        world.attach(server, world.cinder.add_volume(status="in-use"))
    check_offloaded(world, server, glance)


def test_a_lost_answer_of_cinder_leaves_nothing(world, server, volume, glance):
    shelve(world, server)
    world.cinder.lost_answers.append(("POST", "/attachments"))
    with pytest.raises(exception.CinderConnectionFailed):
        world.attach(server, volume)
    world.deliver()
    assert world.cinder.status(volume) == "available"
    check_offloaded(world, server, glance)


def test_unshelve_waits_for_the_volume_that_was_asked_for_before(world, server, volume, glance):
    """Else its host would not know of it."""
    shelve(world, server)
    deliver, world.deliver = world.deliver, lambda: None
    world.attach(server, volume)
    message = world.casts.pop()
    world.deliver = deliver
    unshelve(world, server)
    assert world.instance(server).task_state == "unshelving"
    world.casts.append(message)
    world.deliver()
    world.recover()
    check_runs(world, server, glance, [volume])


def test_shelve_waits_for_the_volume_that_was_asked_for_before(world, server, volume, glance):
    deliver, world.deliver = world.deliver, lambda: None
    world.attach(server, volume)
    message = world.casts.pop()
    world.deliver = deliver
    shelve(world, server)
    assert world.instance(server).task_state == "shelving"
    world.casts.append(message)
    world.deliver()
    world.recover()
    check_offloaded(world, server, glance, [volume])


# -- what fails ----------------------------------------------------------------------------------


def test_an_image_that_glance_refuses_leaves_it_stopped(world, server, glance):
    glance.refuses = 413
    shelve(world, server)
    row = world.instance(server)
    assert (row.vm_state, row.power_state, row.task_state, row.host) == ("stopped", 4, None, HOST)
    assert shelved_image.id_of(row) is None
    assert "out of space" in fault(server)
    assert images(glance) == {}


def test_an_upload_that_fails_leaves_no_image(world, server, glance, monkeypatch):
    def refuse(_context, image_id, _fileobj):
        raise exception.ImageQuotaExceeded(image_id=image_id)

    monkeypatch.setattr(world.manager.driver._image_api, "upload", refuse)
    shelve(world, server)
    assert world.instance(server).vm_state == "stopped"
    assert images(glance) == {}


def test_a_host_that_cannot_have_it_leaves_it_shelved(world, server, volume, glance, monkeypatch):
    def refuse(*args, **kwargs):
        raise exception.HypervisorError(reason="no")

    world.attach(server, volume)
    shelve(world, server)
    with monkeypatch.context() as patch:
        patch.setattr(world.manager.driver, "spawn", refuse)
        unshelve(world, server)
    check_offloaded(world, server, glance, [volume])
    assert world.manager.rt._tracked == {}
    (action,) = [a for a in db.actions.get_by_instance(server) if a["action"] == "unshelve"]
    assert action["message"] == "Error"
    unshelve(world, server)
    check_runs(world, server, glance, [volume])


def test_no_host_has_room(world, server, glance):
    shelve(world, server)
    nodes = db.models.compute_nodes
    db.query.update(nodes, {"vcpus_used": 10**6}, nodes.c.host == HOST)
    unshelve(world, server)
    check_offloaded(world, server, glance)
    assert "No valid host" in fault(server)


def test_its_image_is_gone(world, server, glance, monkeypatch):
    """As a hypervisor finds that fetches it."""
    shelve(world, server)
    (image_id,) = images(glance)
    driver = world.manager.driver
    spawn = driver.spawn

    def fetch_and_spawn(context, instance, image_meta, *args, **kwargs):
        world.manager.image_api.get(context, image_meta.id)
        spawn(context, instance, image_meta, *args, **kwargs)

    monkeypatch.setattr(driver, "spawn", fetch_and_spawn)
    del glance.images[image_id]
    unshelve(world, server)
    assert world.instance(server).vm_state == OFFLOADED
    assert world.instance(server).host is None
    assert image_id in fault(server)


def test_an_image_that_glance_keeps_is_no_reason_to_fail(world, server, glance, monkeypatch):
    def refuse(_context, image_id):
        raise exception.ImageNotAuthorized(image_id=image_id)

    shelve(world, server)
    monkeypatch.setattr(world.manager.image_api, "delete", refuse)
    unshelve(world, server)
    assert world.instance(server).vm_state == "active"
    assert len(images(glance)) == 1


# -- what is left --------------------------------------------------------------------------------


def test_its_delete_takes_image_and_attachments_along(world, server, glance):
    kept, going = world.cinder.add_volume(), world.cinder.add_volume()
    world.attach(server, kept)
    shelve(world, server)
    world.attach(server, going, delete_on_termination=True)
    world.delete(server)
    assert db.instances.get_by_uuid(server) is None
    assert images(glance) == {} and world.cinder.attachments == {}
    assert list(world.cinder.volumes) == [kept]


def test_a_delete_in_the_middle_takes_the_image_along(world, server, glance):
    """Whole by then, or not."""
    world.strike("_make_image")
    with pytest.raises(Killed):
        shelve(world, server)
    assert len(images(glance)) == 1
    world.start_compute()
    world.delete(server)
    assert images(glance) == {}


def test_a_guest_of_one_that_left_is_a_leftover(world, server, glance):
    instance = world.instance(server)
    shelve(world, server)
    world.manager.driver.spawn(world.context, instance, None, [], None)
    assert leftovers.find(world.manager, leftovers.GUEST) == [server]
    leftovers.destroy_all(world.manager, leftovers.ALL.values())
    check_offloaded(world, server, glance)


def test_one_that_comes_is_no_leftover(world, server, glance):
    instance = world.instance(server)
    shelve(world, server)
    world.strike("before ComputeManager.unshelve_instance")
    with pytest.raises(Killed):
        unshelve(world, server)
    world.manager.driver.spawn(world.context, instance, None, [], None)
    assert leftovers.find(world.manager, leftovers.GUEST) == []


def test_the_unfinished_image_of_a_task_that_was_reset_goes(world, server, glance):
    world.strike("before FakeDriver.snapshot")
    with pytest.raises(Killed):
        shelve(world, server)
    assert [image["status"] for image in images(glance).values()] == ["queued"]
    unfinished_images.discard_all()
    assert len(images(glance)) == 1
    InstanceAction.reset(get_admin_context(), world.instance(server))
    unfinished_images.discard_all()
    assert images(glance) == {}


def test_the_image_of_a_shelving_that_was_ended_goes_with_the_next(world, server, glance):
    """It was whole already."""
    world.strike("FakeDriver.snapshot")
    with pytest.raises(Killed):
        shelve(world, server)
    instance = world.instance(server)
    instance.task_state = None
    InstanceAction.reset(get_admin_context(), instance)
    (first,) = images(glance)
    shelve(world, server)
    check_offloaded(world, server, glance)
    assert first not in glance.images
    with pytest.raises(exception.InstanceInvalidState):
        shelve(world, server)
    check_offloaded(world, server, glance)  # nothing of it was touched


# -- killed at every step ------------------------------------------------------------------------


def killed_at_each_step(world, act, prepare, check) -> int:
    """At how many steps it was tried; ``check(moment)`` after each."""
    prepare()
    world.steps.clear()
    act()
    moments = list(dict.fromkeys(world.steps))
    for moment in moments:
        prepare()
        world.strike(moment)
        with pytest.raises(Killed):
            act()
        world.recover()
        check(moment)
    return len(moments)


def have_running(world, server) -> None:
    if world.instance(server).vm_state != "active":
        unshelve(world, server)
    assert world.instance(server).vm_state == "active"


def have_shelved(world, server) -> None:
    if world.instance(server).vm_state != OFFLOADED:
        shelve(world, server)
    assert world.instance(server).vm_state == OFFLOADED


def test_shelve_killed_at_every_step_is_done(world, server, volume, glance):
    world.attach(server, volume)
    number = killed_at_each_step(
        world,
        lambda: shelve(world, server),
        lambda: have_running(world, server),
        lambda moment: check_offloaded(world, server, glance, [volume]),
    )
    assert number > 25


def test_unshelve_killed_at_every_step_is_done(world, server, volume, glance):
    world.attach(server, volume)
    number = killed_at_each_step(
        world,
        lambda: unshelve(world, server),
        lambda: have_shelved(world, server),
        lambda moment: check_runs(world, server, glance, [volume]),
    )
    assert number > 40


def test_attach_killed_at_every_step_ends_whole_or_not_at_all(world, server, glance):
    volume = world.cinder.add_volume()
    have_shelved(world, server)
    ends = {}

    def prepare():
        if world.bdms(server):
            world.detach(server, volume)

    def check(moment):
        ends[moment] = world.cinder.status(volume)
        volumes = [volume] if ends[moment] == "reserved" else []
        check_offloaded(world, server, glance, volumes)

    killed_at_each_step(world, lambda: world.attach(server, volume), prepare, check)
    assert ends["create_mapping"] == "available"  # nothing was promised
    assert ends["API._attach_volume"] == "reserved"


def test_detach_killed_at_every_step_ends_detached(world, server, glance):
    volume = world.cinder.add_volume()
    have_shelved(world, server)

    def prepare():
        if not world.bdms(server):
            world.attach(server, volume)

    def check(moment):
        volumes = [volume] if moment == "before API.detach_volume" else []
        check_offloaded(world, server, glance, volumes)

    killed_at_each_step(world, lambda: world.detach(server, volume), prepare, check)
