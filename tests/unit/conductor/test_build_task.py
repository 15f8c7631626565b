"""Schedule new servers, and schedule them again after a failed build."""

from __future__ import annotations

import oslo_messaging as messaging
import pytest

from nova_mini import db, exception
from nova_mini.objects.selection import Selection
from tests.unit.conductor import task_records
from tests.unit.conductor.task_records import fault_of, place, row, server_of, turns
from tests.unit.db import records
from tests.unit.scheduler import cloud

FIRST, AGAIN = "schedule_and_build_instances", "build_instances"
BUILD = {"admin_password": "p", "requested_networks": "none"}
NO_HOST = exception.NoValidHost(reason="They are full.")


@pytest.fixture
def hosts(database) -> None:
    """Three hosts; h3 has the most memory, then h2."""
    for number in (1, 2, 3):
        cloud.add_host(f"h{number}", memory_mb=4096 * number)


def begin(method: str = FIRST, *, args: dict | None = None, **columns) -> int:
    server = {"vm_state": "building", "task_state": "scheduling"}
    action = {"action": "create", "args": {**BUILD, **(args or {})}, **columns}
    return task_records.add_request(method, server=server, **action)


def fail_at_h1(*alternates: str, tried: tuple = ("h1",), **columns) -> int:
    """Make a build fail at h1, which hands it back to the conductors."""
    dicts = [
        Selection(service_host=host, nodename=host, availability_zone=f"az-{host}").as_dict()
        for host in alternates
    ]
    args = {"alternates": dicts, "tried": list(tried), "reason": "out of disk"}
    return begin(AGAIN, args=args, attempts=2, **columns)


def alternates_of(action_id: int) -> list[str]:
    return [each["service_host"] for each in row(action_id)["args"]["alternates"]]


def assert_given_up(action_id: int, bus, event: str, details: str) -> None:
    server, action = server_of(action_id), row(action_id)
    assert (server["vm_state"], server["task_state"], server["host"]) == ("error", None, None)
    assert (action["message"], action["args"], action["owner"]) == ("Error", None, None)
    assert turns(action_id) == [(f"conductor_{event}", "Error", details)]
    assert task_records.allocated_to(action_id) is None
    assert (bus.casts, bus.events()) == ([], ["create.error"])


# -- the first time ------------------------------------------------------------------------------


def test_a_new_server_is_handed_to_the_best_host(tasks, bus, hosts, context):
    action_id = begin()
    tasks.schedule_and_build_instances(context, [action_id])
    assert place(action_id) == ("h3", "build_and_run_instance")
    assert task_records.allocated_to(action_id) == "h3"
    assert alternates_of(action_id) == ["h2", "h1"]
    assert row(action_id)["args"] | BUILD == row(action_id)["args"]
    assert server_of(action_id)["availability_zone"] == "nova"
    ((host, method, kwargs),) = bus.casts
    assert (host, method, kwargs["action_id"]) == ("h3", "build_and_run_instance", action_id)


def test_the_history_has_the_turn_and_its_steps(tasks, hosts, context):
    action_id = begin()
    tasks.schedule_and_build_instances(context, [action_id])
    assert turns(action_id) == [(f"conductor_{FIRST}", "Success", None)]
    assert "BuildTask._schedule_instances" in task_records.steps(action_id)


def test_servers_of_one_request_are_scheduled_with_one_request(tasks, bus, hosts, context):
    ids = [begin() for _ in range(3)]
    tasks.schedule_and_build_instances(context, ids)
    assert [len(specs) for specs in bus.scheduled] == [3]
    assert [kwargs["action_id"] for _, _, kwargs in bus.casts] == ids


def test_without_a_valid_host_the_server_is_in_error(tasks, bus, hosts, context):
    action_id = task_records.add_request(
        FIRST,
        server={"vm_state": "building", "task_state": "scheduling"},
        spec={"memory_mb": 100_000},
        action="create",
        args=BUILD,
    )
    tasks.schedule_and_build_instances(context, [action_id])
    details = turns(action_id)[0][2]
    assert_given_up(action_id, bus, FIRST, details)
    assert details.startswith("No valid host was found.")
    fault = fault_of(action_id)
    assert (fault["code"], fault["host"]) == (500, None)
    assert fault["message"].startswith("No valid host was found.")


def test_the_claim_of_an_interrupted_attempt_is_released(tasks, bus, hosts, context):
    action_id = begin()
    records.allocate(row(action_id)["instance_uuid"], "h2")
    bus.scheduler_errors = [NO_HOST, NO_HOST]
    tasks.schedule_and_build_instances(context, [action_id])
    assert task_records.allocated_to(action_id) is None
    cloud.check_ledger()


def test_scheduling_is_tried_twice_before_servers_are_given_up(tasks, bus, hosts, context):
    """A compute may have reported since the first response."""
    action_id = begin()
    bus.scheduler_errors = [NO_HOST]
    tasks.schedule_and_build_instances(context, [action_id])
    assert place(action_id) == ("h3", "build_and_run_instance")


def test_an_option_that_no_host_supports_is_final_at_once(tasks, bus, hosts, context):
    action_id = begin()
    task_records.be_silent("h1", "h2", "h3")
    bus.scheduler_errors = [exception.GuestOptionNotSupported(problems="hw:x")]
    tasks.schedule_and_build_instances(context, [action_id])
    assert server_of(action_id)["vm_state"] == "error" and len(bus.scheduled) == 1


@pytest.mark.parametrize("exc", [messaging.MessagingTimeout(), exception.DatabaseUnavailable()])
def test_when_the_scheduler_does_not_answer_servers_are_requeued(tasks, bus, hosts, context, exc):
    ids = [begin(), begin()]
    bus.scheduler_errors = [exc]
    tasks.schedule_and_build_instances(context, ids)
    for action_id in ids:
        assert task_records.is_requeued(action_id, FIRST, "ActionInterrupted")
        assert server_of(action_id)["task_state"] == "scheduling"
        assert fault_of(action_id) is None
    assert bus.casts == []


@pytest.mark.parametrize("earlier_attempts", [0, 3])
def test_when_no_compute_reports_servers_are_requeued(tasks, bus, hosts, context, earlier_attempts):
    task_records.be_silent("h1", "h2", "h3")
    action_id = begin(attempts=earlier_attempts)
    tasks.schedule_and_build_instances(context, [action_id])
    assert task_records.is_requeued(action_id, FIRST, "ActionInterrupted")


def test_when_no_compute_reports_for_long_there_is_no_valid_host(tasks, bus, hosts, context):
    task_records.be_silent("h1", "h2", "h3")
    action_id = begin(attempts=4)
    tasks.schedule_and_build_instances(context, [action_id])
    assert_given_up(action_id, bus, FIRST, turns(action_id)[0][2])


@pytest.mark.parametrize("columns", [{"disabled": True}, {"forced_down": True}])
def test_computes_that_an_administrator_has_switched_off_are_not_waited_for(
    tasks, bus, hosts, context, columns
):
    db.query.update(db.models.services, columns, db.models.services.c.topic == "compute")
    action_id = begin()
    tasks.schedule_and_build_instances(context, [action_id])
    assert server_of(action_id)["vm_state"] == "error"


def test_without_computes_there_is_no_valid_host(tasks, context):
    action_id = begin()
    tasks.schedule_and_build_instances(context, [action_id])
    assert server_of(action_id)["vm_state"] == "error"


def test_a_server_that_is_deleted_meanwhile_does_not_stop_the_others(
    tasks, bus, hosts, context, caplog
):
    deleted, other = begin(), begin()
    bus.before_response = lambda specs: task_records.supersede(deleted)
    tasks.schedule_and_build_instances(context, [deleted, other])
    assert [kwargs["action_id"] for _, _, kwargs in bus.casts] == [other]
    assert row(deleted)["host"] is None and row(deleted)["finish_time"] is not None
    assert "requeued" not in caplog.text


def test_parameters_that_cannot_be_read_do_not_stop_the_others(tasks, bus, hosts, context):
    unknown, other = begin(args_version=2), begin()
    tasks.schedule_and_build_instances(context, [unknown, other])
    assert [kwargs["action_id"] for _, _, kwargs in bus.casts] == [other]
    assert task_records.is_requeued(unknown, FIRST, "UnknownParameters")


def test_an_action_of_another_process_is_left_to_it(tasks, bus, hosts, context):
    owner = records.add_service("control2", binary="nova-mini-conductor", topic="conductor")
    action_id = begin(owner=owner, attempts=1)
    tasks.schedule_and_build_instances(context, [action_id])
    assert bus.scheduled == [] and row(action_id)["owner"] == owner


# -- after a host has failed ---------------------------------------------------------------------


def test_alternates_are_used_in_their_order(tasks, bus, hosts, context):
    action_id = fail_at_h1("h2", "h3")
    tasks.build_instances(context, [action_id])
    assert place(action_id) == ("h2", "build_and_run_instance")
    assert alternates_of(action_id) == ["h3"]
    assert task_records.allocated_to(action_id) == "h2"
    assert server_of(action_id)["availability_zone"] == "az-h2"
    assert turns(action_id) == [(f"conductor_{AGAIN}", "Success", None)]
    assert ([host for host, *_ in bus.casts], bus.scheduled) == (["h2"], [])


def test_the_claim_moves_from_the_host_that_failed(tasks, hosts, context):
    action_id = fail_at_h1("h2")
    records.allocate(row(action_id)["instance_uuid"], "h1")
    tasks.build_instances(context, [action_id])
    assert task_records.allocated_to(action_id) == "h2"
    cloud.check_ledger()


def test_an_alternate_without_room_is_skipped(tasks, hosts, context):
    db.query.update(db.models.compute_nodes, {"vcpus": 0}, db.models.compute_nodes.c.host == "h2")
    action_id = fail_at_h1("h2", "h3")
    tasks.build_instances(context, [action_id])
    assert place(action_id) == ("h3", "build_and_run_instance")
    assert alternates_of(action_id) == []


def test_without_an_alternate_the_server_is_scheduled_again(tasks, bus, hosts, context):
    action_id = fail_at_h1(tried=("h3",))
    tasks.build_instances(context, [action_id])
    ((spec,),) = bus.scheduled
    assert spec["ignore_hosts"] == ["h3"]
    assert place(action_id) == ("h2", "build_and_run_instance")
    assert alternates_of(action_id) == ["h1"]
    assert (
        db.request_specs.get([spec["instance_uuid"]])[spec["instance_uuid"]]["ignore_hosts"] == []
    ), "the host that failed is ignored for this time only"


def test_a_server_whose_build_failed_too_often_is_in_error(tasks, bus, hosts, context, override):
    override("max_attempts", 2, group="scheduler")
    action_id = fail_at_h1("h3", tried=("h1", "h2"))
    records.allocate(row(action_id)["instance_uuid"], "h2")
    tasks.build_instances(context, [action_id])
    details = turns(action_id)[0][2]
    assert_given_up(action_id, bus, AGAIN, details)
    assert "tried h1, h2; last: out of disk" in details
    fault = fault_of(action_id)
    assert fault["message"].startswith("Exceeded maximum number of retries.")
    assert "h1" not in fault["message"]


def test_one_attempt_less_than_the_limit_is_made(tasks, hosts, context, override):
    override("max_attempts", 2, group="scheduler")
    action_id = fail_at_h1("h3", tried=("h1",))
    tasks.build_instances(context, [action_id])
    assert place(action_id) == ("h3", "build_and_run_instance")


def test_without_a_host_for_the_next_attempt_the_server_is_in_error(tasks, bus, hosts, context):
    action_id = fail_at_h1()
    records.allocate(row(action_id)["instance_uuid"], "h1")
    bus.scheduler_errors = [NO_HOST, NO_HOST]
    tasks.build_instances(context, [action_id])
    assert_given_up(action_id, bus, AGAIN, "No valid host was found. They are full.")


def test_a_next_attempt_is_requeued_when_the_scheduler_does_not_answer(tasks, bus, hosts, context):
    action_id = fail_at_h1()
    bus.scheduler_errors = [messaging.MessagingTimeout()]
    tasks.build_instances(context, [action_id])
    assert task_records.is_requeued(action_id, AGAIN, "ActionInterrupted")
    assert row(action_id)["args"]["tried"] == ["h1"]


def test_one_that_cannot_be_built_elsewhere_does_not_stop_the_others(tasks, hosts, context):
    without_spec, other = fail_at_h1("h2"), fail_at_h1("h2")
    specs = db.models.request_specs
    db.query.delete(specs, specs.c.instance_uuid == row(without_spec)["instance_uuid"])
    tasks.build_instances(context, [without_spec, other])
    assert task_records.is_requeued(without_spec, AGAIN, "RequestSpecNotFound")
    assert place(other) == ("h2", "build_and_run_instance")
