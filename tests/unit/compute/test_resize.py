"""Resizes on one host: the swap disk, and what is left when a resized server is deleted."""

from __future__ import annotations

import pytest

from nova_mini import db
from nova_mini.compute.host import orphans
from nova_mini.db import models
from tests.unit.api.openstack.compute.conftest import make_flavor
from tests.unit.compute.cloud_in_one_process import HOST, Killed
from tests.unit.db import records

pytestmark = pytest.mark.usefixtures("glance", "neutron")


@pytest.fixture(autouse=True)
def _same_host(override):
    override("allow_resize_to_same_host", True)


def request(cloud, method: str, server: str, *args) -> None:
    """Run a request through all its phases: the answer to each end of a phase is lost."""
    cloud.request(method, server, *args)
    while cloud.unfinished():
        cloud.redispatch()


def swaps(server: str) -> list[int]:
    rows = db.block_device_mappings.get_by_instances([server])
    return [row["volume_size"] for row in rows if row["guest_format"] == "swap"]


@pytest.fixture
def with_swap(cloud, server) -> str:
    """A server with a swap disk of 16 MiB."""
    flavor = make_flavor("with-swap", swap=16)
    request(cloud, "resize", server, flavor.flavorid)
    request(cloud, "confirm_resize", server)
    assert cloud.instance(server).vm_state == "active"
    assert swaps(server) == [16]
    return server


@pytest.mark.parametrize("size", [64, 8, 0])
def test_the_swap_disk_has_the_size_of_the_new_flavor(cloud, with_swap, size):
    make_flavor("new", swap=size)
    request(cloud, "resize", with_swap, "new")
    assert cloud.instance(with_swap).vm_state == "resized"
    assert swaps(with_swap) == ([size] if size else [])
    request(cloud, "confirm_resize", with_swap)
    assert swaps(with_swap) == ([size] if size else [])


@pytest.mark.parametrize("size", [64, 8, 0])
def test_after_a_revert_it_has_the_size_of_the_old_flavor(cloud, with_swap, size):
    make_flavor("new", swap=size)
    request(cloud, "resize", with_swap, "new")
    request(cloud, "revert_resize", with_swap)
    assert cloud.instance(with_swap).vm_state == "active"
    assert swaps(with_swap) == [16]


def test_a_revert_removes_a_new_swap_disk(cloud, server):
    make_flavor("new", swap=64)
    request(cloud, "resize", server, "new")
    assert swaps(server) == [64]
    request(cloud, "revert_resize", server)
    assert swaps(server) == []


def test_a_killed_host_makes_no_second_swap_disk(cloud, server):
    make_flavor("new", swap=64)
    request(cloud, "resize", server, "new")
    steps = [each for each in cloud.steps if "BlockDeviceMapping.create" in each]
    assert steps
    request(cloud, "revert_resize", server)
    for step in dict.fromkeys(steps):
        cloud.kill_at(step)
        with pytest.raises(Killed):
            request(cloud, "resize", server, "new")
        cloud.recover()
        assert (cloud.instance(server).vm_state, swaps(server)) == ("resized", [64])
        request(cloud, "revert_resize", server)
        assert swaps(server) == []


# -- the other host ------------------------------------------------------------------------------


def test_a_deleted_server_has_nothing_left_at_its_source(cloud, server):
    """The message after the deletion finds the server deleted."""
    cloud.set(server, vm_state="resized", host="other", launched_on="other")
    records.add_migration(server, status="finished", source_compute=HOST, dest_compute="other")
    ids = {"instance_uuid": server}
    cloud._run(cloud.context, "remove_orphans", **ids)
    assert cloud.manager.driver.list_instance_uuids() == [server], "its source keeps it until then"
    db.instance_deletion.destroy(server)
    cloud._run(cloud.context, "remove_orphans", **ids)
    assert cloud.manager.driver.list_instance_uuids() == []


def test_the_disks_of_a_server_that_comes_back_are_no_orphan(cloud, server):
    """It comes back between the search for orphans and the removal."""
    cloud.set(server, host="other")
    services = cloud.manager.services
    assert orphans.find(services, orphans.GUEST) == [server]
    records.add_migration(server, status="migrating", source_compute="other", dest_compute=HOST)
    orphans.destroy(services, orphans.GUEST, server)
    assert cloud.manager.driver.list_instance_uuids() == [server]


def test_the_destination_asks_the_source_to_clean_up(cloud, server):
    cloud.set(server, vm_state="resized", launched_on=HOST)
    records.add_migration(server, status="finished", source_compute="other", dest_compute=HOST)
    asked = []

    class Casts(list):
        def append(self, cast):
            if cast[0] == "remove_orphans":
                asked.append((*cast, db.instances.get_by_uuid(server)))
            else:
                super().append(cast)

    cloud.casts = Casts()
    cloud.delete(server)
    assert asked == [("remove_orphans", {"instance_uuid": server}, None)], "after the deletion"


def test_the_destination_confirms_without_the_source(cloud, server):
    make_flavor("new", vcpus=2)
    request(cloud, "resize", server, "new")
    (action,) = _begin_confirm(cloud, server)
    cloud.tasks.confirm_migration(cloud.context, [action["id"]])
    cloud.deliver()
    assert (cloud.instance(server).vm_state, cloud.instance(server).task_state) == ("active", None)
    (migration,) = db.query.many(models.migrations)
    assert migration["status"] == "confirmed"
    assert db.allocations.get(migration["uuid"]) is None


def _begin_confirm(cloud, server: str) -> list:
    cloud.api.confirm_resize(cloud.context, cloud.instance(server))
    cloud.casts.clear()
    (action,) = cloud.unfinished()
    taken = {"host": None, "method": "confirm_migration", "args": {}}
    assert db.actions.take_away(action["id"], action["owner"], taken)
    return cloud.unfinished()


def test_the_history_says_why_a_rescue_disk_was_removed():
    assert orphans.RESCUE_DISK.reason == "is not rescued any more"
    assert "does not belong" in orphans.GUEST.reason
