"""Rescue and unrescue: the states, failures, crashes, and orphans."""

from __future__ import annotations

import datetime

import pytest

from nova_mini import db, exception, rpc
from nova_mini.compute.host import audit, orphans
from nova_mini.compute.requests.rescue_request import RescueRequest
from nova_mini.states import power_state
from nova_mini.virt.fake.guests import FakeGuest
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE
from tests.unit.compute.cloud_in_one_process import Killed

pytestmark = pytest.mark.usefixtures("glance")


def rescue(cloud, server, image_ref=OTHER_IMAGE, **fields) -> None:
    request = RescueRequest(image_ref=image_ref, admin_password="p", **fields)
    cloud.request("rescue", server, request)


def unrescue(cloud, server) -> None:
    cloud.request("unrescue", server)


def guest(cloud, server) -> FakeGuest:
    return cloud.manager.driver._guests.find(server)


def state(cloud, server) -> tuple:
    row = cloud.instance(server)
    return row.vm_state, row.task_state, row.power_state


def fault(server: str) -> str:
    return db.instance_faults.get_latest_faults([server])[server]["message"]


def audited(cloud) -> list[tuple]:
    return [(each["kind"], each["instance_uuid"]) for each in audit.audit(cloud.manager.services)]


RESCUED = ("rescued", None, power_state.RUNNING)
ACTIVE = ("active", None, power_state.RUNNING)


def test_it_runs_from_the_rescue_image_and_then_from_its_own_disk_again(cloud, server):
    launched_at = datetime.datetime(2020, 1, 1)
    cloud.set(server, launched_at=launched_at)
    rescue(cloud, server)
    assert state(cloud, server) == RESCUED
    assert guest(cloud, server).rescue_image == OTHER_IMAGE
    assert cloud.instance(server).launched_at > launched_at
    assert cloud.instance(server).image_ref == IMAGE
    unrescue(cloud, server)
    assert state(cloud, server) == ACTIVE
    assert (guest(cloud, server).rescue_image, guest(cloud, server).is_rescued) == (None, False)
    names = [each["action"] for each in db.actions.get_by_instance(server)]
    assert names[:2] == ["unrescue", "rescue"]


def test_without_an_image_it_is_the_image_that_the_server_was_made_from(cloud, server):
    rescue(cloud, server, None)
    assert guest(cloud, server).rescue_image == IMAGE


def test_a_stopped_server_is_active_after_an_unrescue(cloud, server):
    cloud.request("stop", server)
    rescue(cloud, server)
    assert state(cloud, server) == RESCUED
    unrescue(cloud, server)
    assert state(cloud, server) == ACTIVE


def test_a_refused_image_leaves_the_server_unchanged(cloud, server, monkeypatch):
    def refuse(context, image_id, max_size=0):
        raise exception.ImageUnacceptable(image_id=image_id, reason="it is none")

    said = guest(cloud, server).console
    monkeypatch.setattr(cloud.manager.driver, "cache_image", refuse)
    rescue(cloud, server)
    assert state(cloud, server) == ACTIVE
    assert guest(cloud, server).console == said, "the guest was not stopped"
    assert OTHER_IMAGE in fault(server)


def test_the_rescue_disk_is_not_larger_than_the_root_disk(cloud, server, glance, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        cloud.manager.driver, "cache_image", lambda context, image_id, size: sizes.append(size)
    )
    rescue(cloud, server)
    unrescue(cloud, server)
    glance.images[OTHER_IMAGE]["size"] = 5 << 30
    rescue(cloud, server)
    assert sizes == [1 << 30, 5 << 30]


def test_a_guest_that_does_not_start_is_an_error_without_a_rescue_disk(cloud, server, monkeypatch):
    def refuse(context, instance, *args):
        made = guest(cloud, server)
        made.rescue_image = OTHER_IMAGE
        cloud.manager.driver._guests.save(made)
        raise exception.HypervisorError(reason="no")

    monkeypatch.setattr(cloud.manager.driver, "rescue", refuse)
    rescue(cloud, server)
    assert cloud.instance(server).vm_state == "error"
    assert guest(cloud, server).rescue_image is None
    cloud.request("reboot", server, "HARD")
    assert state(cloud, server) == ACTIVE


def test_a_failed_unrescue_is_an_error(cloud, server, monkeypatch):
    def refuse(*args):
        raise exception.HypervisorError(reason="no")

    rescue(cloud, server)
    monkeypatch.setattr(cloud.manager.driver, "unrescue", refuse)
    unrescue(cloud, server)
    assert cloud.instance(server).vm_state == "error"
    assert "internal error" in fault(server)


@pytest.mark.parametrize(
    ("begin", "first", "expected"),
    [
        (rescue, "before ComputeManager.rescue_instance", RESCUED),
        (unrescue, "before ComputeManager.unrescue_instance", ACTIVE),
    ],
)
def test_killed_at_every_step_it_is_done(cloud, server, begin, first, expected):
    def restore():
        if begin is rescue and cloud.instance(server).vm_state == "rescued":
            unrescue(cloud, server)
        elif begin is unrescue and cloud.instance(server).vm_state == "active":
            rescue(cloud, server)

    restore()
    cloud.steps.clear()
    begin(cloud, server)
    points = list(dict.fromkeys(cloud.steps))
    assert len(points[points.index(first) :]) > 5
    for point in points[points.index(first) :]:
        restore()
        cloud.kill_at(point)
        with pytest.raises(Killed):
            begin(cloud, server)
        cloud.recover()
        assert state(cloud, server) == expected, point
        image = OTHER_IMAGE if expected == RESCUED else None
        assert (guest(cloud, server).rescue_image, guest(cloud, server).is_rescued) == (
            image,
            image is not None,
        )
        assert cloud.unfinished() == []


def test_a_rescue_waits_for_a_detach_that_was_requested_before(cloud, server, volume):
    cloud.attach(server, volume)
    cloud.api.detach_volume(cloud.context, cloud.instance(server), volume)
    cloud.casts.clear()
    cloud.cinder.volumes[volume]["status"] = "in-use"  # as the API has seen it just before
    rescue(cloud, server)
    assert state(cloud, server) == ("active", "rescuing", power_state.RUNNING)
    cloud.redispatch()
    cloud.redispatch()
    assert state(cloud, server) == RESCUED
    assert cloud.check_consistent(server, volume) == "available"


def test_notifications_of_rescue_and_unrescue(cloud, server, monkeypatch):
    sent = []

    class Notifier:
        def info(self, _context, event, payload):
            name = event.removeprefix("compute.instance.")
            sent.append((name, payload["state"], payload.get("rescue_image_name")))

    monkeypatch.setattr(rpc, "are_notifications_enabled", lambda: True)
    monkeypatch.setattr(rpc, "get_notifier", lambda publisher: Notifier())
    rescue(cloud, server)
    unrescue(cloud, server)
    assert sent == [
        ("rescue.start", "active", "small"),
        ("rescue.end", "rescued", "small"),
        ("unrescue.start", "rescued", None),
        ("unrescue.end", "active", None),
    ]


# -- power ---------------------------------------------------------------------------------------


def test_a_rescued_guest_that_stops_remains_rescued(cloud, server):
    rescue(cloud, server)
    cloud.manager.driver._change(guest(cloud, server), power_state.SHUTDOWN, "by itself")
    cloud.run_periodic_task("_sync_power_states")
    assert state(cloud, server) == ("rescued", None, power_state.SHUTDOWN)
    unrescue(cloud, server)
    assert state(cloud, server) == ACTIVE


def test_the_audit_says_how_a_missing_rescued_guest_comes_back(cloud, server):
    rescue(cloud, server)
    cloud.manager.driver._guests.remove(server)
    (finding,) = audit.audit(cloud.manager.services)
    assert (finding["kind"], finding["instance_uuid"]) == ("missing-guest", server)
    assert "an unrescue creates it again" in finding["problem"]


# -- orphans -------------------------------------------------------------------------------------


def test_a_rescue_disk_that_is_not_used_any_more_is_an_orphan(cloud, server):
    rescue(cloud, server)
    assert audited(cloud) == []
    cloud.request("reset_state", server, "active")
    assert audited(cloud) == [], "the guest still runs from it"
    cloud.request("reboot", server, "HARD")
    assert audited(cloud) == [("orphaned-rescue-disk", server)]
    orphans.destroy_all(cloud.manager.services, orphans.ALL.values())
    assert audited(cloud) == []
    assert guest(cloud, server).rescue_image is None
    assert state(cloud, server) == ACTIVE


def test_the_rescue_disk_of_a_server_with_a_task_is_no_orphan(cloud, server):
    made = guest(cloud, server)
    made.rescue_image = OTHER_IMAGE
    cloud.manager.driver._guests.save(made)
    cloud.set(server, task_state="rescuing")
    assert audited(cloud) == []
    orphans.destroy(cloud.manager.services, orphans.RESCUE_DISK, server)
    assert guest(cloud, server).rescue_image == OTHER_IMAGE, "a rescue has begun meanwhile"


def test_a_delete_removes_a_rescued_server(cloud, server):
    rescue(cloud, server)
    cloud.delete(server)
    assert guest(cloud, server) is None
