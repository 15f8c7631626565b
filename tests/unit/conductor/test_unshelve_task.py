"""Schedule servers that are shelved and on no host."""

from __future__ import annotations

import oslo_messaging as messaging
import pytest

from nova_mini import db, exception
from tests.unit.conductor import task_records
from tests.unit.conductor.task_records import fault_of, place, row, server_of, turns
from tests.unit.db import records
from tests.unit.scheduler import cloud

METHOD = "unshelve_instance"
NO_HOST = exception.NoValidHost(reason="They are full.")


@pytest.fixture
def hosts(database) -> None:
    """Two hosts; h2 has the most memory."""
    for number in (1, 2):
        cloud.add_host(f"h{number}", memory_mb=4096 * number)
    cloud.add_aggregate("zone", ["h1"], availability_zone="az1")


def begin(
    destination: dict | None = None, spec: dict | None = None, server: dict | None = None, **columns
) -> int:
    state = {"vm_state": "shelved_offloaded", "task_state": "unshelving"}
    action = {"action": "unshelve", "args": {"wishes": destination or {}}} | columns
    return task_records.add_request(METHOD, server={**state, **(server or {})}, spec=spec, **action)


def stored_spec(action_id: int) -> dict:
    (spec,) = db.request_specs.get([row(action_id)["instance_uuid"]]).values()
    return spec


def test_a_shelved_server_is_handed_to_the_best_host(tasks, bus, hosts, context):
    action_id = begin()
    tasks.unshelve_instance(context, [action_id])
    assert place(action_id) == ("h2", METHOD)
    assert task_records.allocated_to(action_id) == "h2"
    server = server_of(action_id)
    assert (server["vm_state"], server["task_state"]) == ("shelved_offloaded", "unshelving")
    assert (server["host"], server["availability_zone"]) == (None, "nova")
    ((host, method, kwargs),) = bus.casts
    assert (host, method, kwargs["action_id"]) == ("h2", METHOD, action_id)


def test_the_history_has_the_turn_and_its_steps(tasks, hosts, context):
    action_id = begin()
    tasks.unshelve_instance(context, [action_id])
    assert turns(action_id) == [("conductor_unshelve_instances", "Success", None)]
    assert "UnshelveTask._schedule" in task_records.steps(action_id)


def test_the_requested_zone_is_kept_for_later(tasks, hosts, context):
    action_id = begin({"availability_zone": "az1"})
    tasks.unshelve_instance(context, [action_id])
    assert place(action_id)[0] == "h1"
    assert stored_spec(action_id)["availability_zone"] == "az1"
    server = server_of(action_id)
    assert (server["availability_zone"], server["pinned_availability_zone"]) == ("az1", "az1")


def test_a_server_can_be_released_from_its_zone(tasks, hosts, context):
    action_id = begin(
        {"availability_zone": None},
        spec={"availability_zone": "az1"},
        server={"pinned_availability_zone": "az1"},
    )
    tasks.unshelve_instance(context, [action_id])
    assert place(action_id)[0] == "h2"
    assert stored_spec(action_id)["availability_zone"] is None
    assert server_of(action_id)["pinned_availability_zone"] is None


def test_without_a_requested_zone_the_server_stays_in_its_own(tasks, hosts, context):
    action_id = begin(spec={"availability_zone": "az1"})
    tasks.unshelve_instance(context, [action_id])
    assert place(action_id)[0] == "h1"


def test_a_requested_host_is_for_this_time_only(tasks, hosts, context):
    action_id = begin({"host": "h1"}, spec={"force_host": "h9", "force_node": "h9"})
    tasks.unshelve_instance(context, [action_id])
    assert place(action_id)[0] == "h1"
    spec = stored_spec(action_id)
    assert (spec["requested_host"], spec["force_host"], spec["force_node"]) == (None, None, None)


def test_the_present_image_decides(tasks, bus, hosts, context):
    action_id = begin(
        spec={"image_properties": {"hw_old": "1"}},
        server={"system_metadata": {"image_hw_machine_type": "q35"}},
    )
    tasks.unshelve_instance(context, [action_id])
    ((requested,),) = bus.scheduled
    assert requested["image_properties"].get("hw_machine_type") == "q35"
    assert "hw_old" not in requested["image_properties"]
    assert stored_spec(action_id)["image_properties"] == requested["image_properties"]


@pytest.mark.parametrize("destination", [{}, {"availability_zone": "az1"}])
def test_without_a_valid_host_the_server_stays_shelved(tasks, bus, hosts, context, destination):
    action_id = begin(destination)
    records.allocate(row(action_id)["instance_uuid"], "h1")
    before = stored_spec(action_id)
    bus.scheduler_errors = [NO_HOST, NO_HOST]
    tasks.unshelve_instance(context, [action_id])
    server, action = server_of(action_id), row(action_id)
    assert (server["vm_state"], server["task_state"]) == ("shelved_offloaded", None)
    assert server["pinned_availability_zone"] is None
    assert (action["message"], action["args"]) == ("Error", None)
    assert fault_of(action_id)["message"] == "No valid host was found. They are full."
    assert task_records.allocated_to(action_id) is None
    assert stored_spec(action_id) == before
    assert (bus.casts, bus.events()) == ([], ["unshelve.error"])
    text = "No valid host was found. They are full."
    assert turns(action_id) == [("conductor_unshelve_instances", "Error", text)]


def test_when_the_scheduler_does_not_answer_the_server_is_requeued(tasks, bus, hosts, context):
    action_id = begin()
    bus.scheduler_errors = [messaging.MessagingTimeout()]
    tasks.unshelve_instance(context, [action_id])
    assert task_records.is_requeued(action_id, METHOD, "ActionInterrupted")
    assert fault_of(action_id) is None and bus.casts == []


def test_when_no_compute_reports_the_server_is_requeued_for_some_attempts(tasks, hosts, context):
    task_records.be_silent("h1", "h2")
    waits, ends = begin(attempts=3), begin(attempts=4)
    tasks.unshelve_instance(context, [waits, ends])
    assert task_records.is_requeued(waits, METHOD, "ActionInterrupted")
    assert row(ends)["message"] == "Error"
    assert server_of(ends)["vm_state"] == "shelved_offloaded"


def test_it_waits_for_earlier_actions_on_the_server(tasks, bus, hosts, context):
    action_id = begin()
    uuid = row(action_id)["instance_uuid"]
    volume = records.add_action(uuid, action="attach_volume", method="attach_volume", host=None)
    db.query.update(
        db.models.instance_actions, {"id": 1000}, db.models.instance_actions.c.id == action_id
    )
    tasks.unshelve_instance(context, [1000])
    assert task_records.is_requeued(1000, METHOD, "ActionInterrupted") and bus.scheduled == []
    db.actions.finish(volume, None)
    tasks.unshelve_instance(context, [1000])
    assert place(1000) == ("h2", METHOD)


def test_a_server_that_is_deleted_meanwhile_is_sent_to_no_host(tasks, bus, hosts, context):
    action_id = begin()
    bus.before_response = lambda specs: task_records.supersede(action_id)
    tasks.unshelve_instance(context, [action_id])
    assert bus.casts == [] and row(action_id)["host"] is None


def test_one_that_fails_does_not_stop_the_others(tasks, bus, hosts, context):
    unknown, other = begin(args_version=2), begin()
    tasks.unshelve_instance(context, [unknown, other])
    assert task_records.is_requeued(unknown, METHOD, "UnknownParameters")
    assert place(other) == ("h2", METHOD)


# -- a host that has failed ----------------------------------------------------------------------


def of_this_release() -> None:
    services = db.models.services
    db.query.update(services, {"version": 4}, services.c.topic == "compute")


def begin_again(*tried: str, **destination) -> int:
    args = {"wishes": destination, "tried": list(tried), "reason": "no disk"}
    return begin(args=args)


def test_a_host_that_has_failed_is_not_chosen_again(tasks, hosts, context):
    of_this_release()
    action_id = begin_again("h2")
    tasks.unshelve_instance(context, [action_id])
    assert place(action_id) == ("h1", METHOD)
    assert row(action_id)["args"]["tried"] == ["h2"]
    assert stored_spec(action_id)["ignore_hosts"] == []


def test_a_host_of_an_older_release_does_not_get_a_second_attempt(tasks, hosts, context):
    action_id = begin_again("h2")
    tasks.unshelve_instance(context, [action_id])
    assert row(action_id)["message"] == "Error"


@pytest.mark.parametrize(
    ("tried", "destination"), [(["h1", "h2"], {}), (["h2"], {"host": "h2"}), (["a", "b", "c"], {})]
)
def test_when_no_host_is_left_the_server_stays_shelved(tasks, hosts, context, tried, destination):
    of_this_release()
    action_id = begin_again(*tried, **destination)
    tasks.unshelve_instance(context, [action_id])
    server = server_of(action_id)
    assert (server["vm_state"], server["task_state"]) == ("shelved_offloaded", None)
    assert row(action_id)["message"] == "Error"
