"""The conductors delete servers that are on no host, or on a host that is down."""

from __future__ import annotations

import pytest

from nova_mini import db
from tests.unit.conductor import task_records
from tests.unit.conductor.task_records import place, row, server_of, turns
from tests.unit.db import records
from tests.unit.scheduler import cloud

METHOD = "delete_unscheduled_instance"
TURN = "conductor_delete_instance"


@pytest.fixture(autouse=True)
def _services(cinder, neutron, glance, override):
    override("http_retries", 0, group="cinder")


def begin(*, args: dict | None = None, server: dict | None = None, **columns) -> int:
    state = {"vm_state": "error", "task_state": "deleting"}
    action = {"action": "delete", "args": args or {}, **columns}
    return task_records.add_request(METHOD, server={**state, **(server or {})}, **action)


def add_port(action_id: int, neutron, **profile) -> str:
    port = {"device_id": row(action_id)["instance_uuid"], "device_owner": "compute:nova"}
    return neutron.add_port(neutron.network, **port, **{"binding:profile": profile})["id"]


def queue_image(glance, **image) -> str:
    """Insert an unfinished image."""
    image_id = "99999999-0000-4000-8000-000000000001"
    glance.images[image_id] = {"id": image_id, "status": "queued", "size": None, **image}
    return image_id


def assert_deleted(action_id: int) -> None:
    assert server_of(action_id) is None
    action = row(action_id)
    assert action["finish_time"] is not None
    assert (action["message"], action["args"], action["owner"]) == (None, None, None)
    assert turns(action_id)[-1] == (TURN, "Success", None)


def test_a_server_on_no_host_is_deleted(tasks, bus, context):
    action_id = begin()
    tasks.delete_unscheduled_instance(context, [action_id])
    assert_deleted(action_id)
    assert (bus.casts, bus.events()) == ([], ["delete.start", "delete.end"])


def test_its_ports_are_deleted_and_those_of_its_user_released(tasks, neutron, context):
    action_id = begin()
    ours, users = add_port(action_id, neutron, nova_mini_created=True), add_port(action_id, neutron)
    tasks.delete_unscheduled_instance(context, [action_id])
    assert_deleted(action_id)
    assert ours not in neutron.ports and neutron.ports[users]["device_id"] == ""


def test_its_volumes_are_detached_and_those_of_its_own_deleted(tasks, cinder, context):
    action_id = begin()
    task_records.add_volume(action_id, cinder)
    (kept,) = cinder.volumes
    task_records.add_volume(action_id, cinder, delete_on_termination=True)
    tasks.delete_unscheduled_instance(context, [action_id])
    assert_deleted(action_id)
    assert cinder.attachments == {}
    assert list(cinder.volumes) == [kept] and cinder.status(kept) == "available"
    assert db.block_device_mappings.get_by_instances([row(action_id)["instance_uuid"]]) == []


def test_the_image_that_it_is_shelved_in_is_deleted(tasks, glance, context):
    image_id = queue_image(glance, status="active")
    action_id = begin(server={"system_metadata": {"shelved_image_id": image_id}})
    tasks.delete_unscheduled_instance(context, [action_id])
    assert_deleted(action_id)
    assert image_id not in glance.images


def test_an_unfinished_image_of_the_server_is_deleted(tasks, glance, context):
    image_id = queue_image(glance)
    action_id = begin(args={"unfinished_images": [image_id]})
    tasks.delete_unscheduled_instance(context, [action_id])
    assert_deleted(action_id)
    assert image_id not in glance.images


def test_its_allocation_is_released(tasks, context):
    cloud.add_host("h1")
    action_id = begin()
    records.allocate(row(action_id)["instance_uuid"])
    tasks.delete_unscheduled_instance(context, [action_id])
    assert task_records.allocated_to(action_id) is None
    cloud.check_ledger()


def test_a_server_that_has_come_to_a_host_is_handed_to_it(tasks, bus, neutron, context):
    action_id = begin(server={"host": "h1"}, args={"unfinished_images": ["i"]})
    add_port(action_id, neutron)
    tasks.delete_unscheduled_instance(context, [action_id])
    assert place(action_id) == ("h1", "terminate_instance")
    assert row(action_id)["args"] == {"unfinished_images": ["i"]}
    assert turns(action_id) == [(TURN, "Success", None)]
    uuid = row(action_id)["instance_uuid"]
    assert bus.casts == [
        ("h1", "terminate_instance", {"instance_uuid": uuid, "action_id": action_id})
    ]
    assert bus.events() == [] and len(neutron.ports_of(uuid)) == 1


def test_a_server_whose_host_is_down_is_deleted_here(tasks, bus, neutron, context):
    action_id = begin(server={"host": "h1"}, args={"host_is_down": True})
    add_port(action_id, neutron)
    tasks.delete_unscheduled_instance(context, [action_id])
    assert_deleted(action_id)
    assert bus.casts == [] and neutron.ports_of(row(action_id)["instance_uuid"]) == []


def test_when_cinder_fails_the_delete_is_requeued(tasks, bus, cinder, context):
    action_id = begin()
    task_records.add_volume(action_id, cinder)
    cinder.failures["GET", "/attachments.*"] = [(500, {})]
    tasks.delete_unscheduled_instance(context, [action_id])
    ((_, result, _),) = turns(action_id)
    assert (place(action_id), result) == ((None, METHOD), "Error")
    assert server_of(action_id)["task_state"] == "deleting"
    assert bus.events() == ["delete.start"]
    tasks.delete_unscheduled_instance(context, [action_id])
    assert_deleted(action_id)
    assert cinder.attachments == {}


def test_when_neutron_fails_the_delete_is_requeued(tasks, neutron, context):
    action_id = begin()
    add_port(action_id, neutron, nova_mini_created=True)
    neutron.faults = [("DELETE", (500, "Broken"))]
    tasks.delete_unscheduled_instance(context, [action_id])
    assert place(action_id) == (None, METHOD) and server_of(action_id) is not None
    tasks.delete_unscheduled_instance(context, [action_id])
    assert_deleted(action_id)
    assert neutron.ports_of(row(action_id)["instance_uuid"]) == []


def test_one_that_fails_does_not_stop_the_others(tasks, cinder, context):
    failing, other = begin(), begin()
    task_records.add_volume(failing, cinder)
    cinder.failures["GET", "/attachments.*"] = [(500, {})]
    tasks.delete_unscheduled_instance(context, [failing, other])
    assert place(failing) == (None, METHOD)
    assert_deleted(other)


def test_parameters_that_cannot_be_read_do_not_stop_the_others(tasks, context):
    unknown, other = begin(server={"host": "h1"}, args_version=2), begin()
    tasks.delete_unscheduled_instance(context, [unknown, other])
    assert task_records.is_requeued(unknown, METHOD, "UnknownParameters")
    assert_deleted(other)


def test_the_other_host_of_a_server_that_moves_is_asked_to_clean_up(tasks, bus, context):
    server = {"host": "h2", "vm_state": "resized"}
    action_id = begin(args={"host_is_down": True}, server=server)
    uuid = row(action_id)["instance_uuid"]
    records.add_migration(uuid, status="finished", source_compute="h1", dest_compute="h2")
    tasks.delete_unscheduled_instance(context, [action_id])
    assert_deleted(action_id)
    assert bus.casts == [("h1", "remove_orphans", {"instance_uuid": uuid})]
