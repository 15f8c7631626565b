"""One attempt of an operation on its host, from the message to the end of the action."""

from __future__ import annotations

import threading

import oslo_messaging as messaging
import pytest

from nova_mini import db, exception
from nova_mini.actions import operations
from nova_mini.actions.runner import HostRunner, runs
from nova_mini.conf import CONF
from tests.unit.db import records

EVENT = "compute_reboot_instance"
INTERRUPTED = exception.ActionInterrupted(reason="Cinder is away")


class Manager:
    """Two operations, which do ``work(op)``. ``notified``: the calls of the service's callbacks."""

    def __init__(self, owner: str):
        self.notified: list[tuple[str, str]] = []
        self.work = lambda op: None
        self.runner = HostRunner(
            "h1",
            owner,
            services=None,
            cancel_event_waits=lambda uuid: self.notified.append(("cancel", uuid)),
            operation_ended=lambda uuid: self.notified.append(("ended", uuid)),
            ownership_lost=lambda uuid: self.notified.append(("lost", uuid)),
        )
        self.runner.serve(self)

    @runs(operations.REBOOT_INSTANCE)
    def reboot_instance(self, op):
        return self.work(op)

    @runs(operations.BUILD_AND_RUN_INSTANCE)
    def build_and_run_instance(self, op):
        return self.work(op)


@pytest.fixture
def manager(database, bus) -> Manager:
    manager = Manager(records.add_service("h1"))
    yield manager
    manager.runner.stop()


@pytest.fixture
def send(manager, context):
    """``send(action_id)`` delivers the message. Returns the result of the operation."""

    def send(action_id: int):
        row = db.actions.get(action_id)
        method = getattr(manager, row["method"])
        return method(context, instance_uuid=row["instance_uuid"], action_id=action_id)

    return send


def begin(method: str = "reboot_instance", **columns) -> int:
    uuid = records.add_server(task_state="rebooting")
    args = {"reboot_type": "HARD"} if method == "reboot_instance" else {}
    return records.add_action(uuid, **{"method": method, "args": args, **columns})


def server_of(action_id: int):
    return records.server(db.actions.get(action_id)["instance_uuid"])


def fault_of(action_id: int):
    uuid = db.actions.get(action_id)["instance_uuid"]
    return db.instance_faults.get_latest_faults([uuid]).get(uuid)


def raising(exc: Exception):
    def work(op):
        raise exc

    return work


def assert_requeued(action_id: int, error: str) -> None:
    row = db.actions.get(action_id)
    assert (row["owner"], row["finish_time"]) == (None, None)
    assert records.events(action_id) == [(EVENT, "Error", error)]
    assert server_of(action_id)["task_state"] == "rebooting" and fault_of(action_id) is None


def test_the_work_is_done_and_saved_with_the_end_of_the_action(manager, send):
    def work(op):
        op.instance.task_state = None
        return op.parameters.reboot_type

    manager.work = work
    action_id = begin()
    assert send(action_id) == "HARD"
    row = db.actions.get(action_id)
    assert row["finish_time"] is not None
    assert (row["message"], row["args"], row["owner"]) == (None, None, None)
    assert server_of(action_id)["task_state"] is None
    assert records.events(action_id) == [(EVENT, "Success", None)]


def test_a_final_error_is_a_fault_and_is_raised_in_the_caller(manager, send):
    manager.work = raising(exception.Invalid("No."))
    action_id = begin()
    with pytest.raises(messaging.ExpectedException):
        send(action_id)
    assert db.actions.get(action_id)["message"] == "Error"
    assert server_of(action_id)["task_state"] is None
    assert fault_of(action_id)["message"] == "No." and fault_of(action_id)["host"] == "h1"


def test_an_interrupted_operation_is_requeued(manager, send):
    manager.work = raising(INTERRUPTED)
    action_id = begin()
    send(action_id)
    assert_requeued(action_id, "ActionInterrupted")
    assert db.actions.get(action_id)["attempts"] == 1


def test_the_last_attempt_is_final(manager, send, context):
    manager.work = raising(INTERRUPTED)
    action_id = begin(attempts=CONF.max_action_attempts - 1)
    with pytest.raises(messaging.ExpectedException):
        send(action_id)
    assert db.actions.get(action_id)["message"] == "Error" and fault_of(action_id)


@pytest.mark.parametrize(
    ("method", "vm_state"), [("reboot_instance", "active"), ("build_and_run_instance", "error")]
)
def test_an_operation_in_which_the_process_died_too_often_is_given_up(
    manager, send, method, vm_state
):
    done = []
    manager.work = done.append
    action_id = begin(method, attempts=CONF.max_action_attempts)
    with pytest.raises(messaging.ExpectedException):
        send(action_id)
    assert done == [] and db.actions.get(action_id)["message"] == "Error"
    server = server_of(action_id)
    assert (server["task_state"], server["vm_state"]) == (None, vm_state)
    assert fault_of(action_id)["message"].startswith("Gave up on instance")


def test_parameters_of_a_later_release_are_not_final(manager, send):
    """This process may be replaced by one of the later release soon."""
    manager.work = lambda op: op.parameters
    action_id = begin(args={"colour": "red"}, args_version=2)
    send(action_id)
    assert_requeued(action_id, "UnknownParameters")
    assert db.actions.get(action_id)["args"] == {"colour": "red"}


def test_a_server_that_another_process_owns_is_left_to_it(manager, send):
    manager.work = raising(exception.InstanceOwnershipLost(instance_uuid="u", host="h2"))
    action_id = begin()
    send(action_id)
    uuid = db.actions.get(action_id)["instance_uuid"]
    assert manager.notified == [("lost", uuid), ("ended", uuid)]
    assert fault_of(action_id) is None and records.events(action_id) == [(EVENT, None, None)]


def test_a_rescheduled_build_is_handed_to_the_conductors(manager, send, bus):
    exc = exception.RescheduledException(instance_uuid="u", internal="out of disk")
    manager.work = raising(exc)
    action_id = begin("build_and_run_instance", args={"tried": ["h0"], "admin_password": "p"})
    send(action_id)
    row = db.actions.get(action_id)
    assert (row["host"], row["method"], row["owner"]) == (None, "build_instances", None)
    args = {"tried": ["h0", "h1"], "admin_password": "p", "reason": "out of disk"}
    assert row["args"] == args
    assert bus.casts == [("conductor", "build_instances", {"action_ids": [action_id]})]
    assert fault_of(action_id) is None


@pytest.mark.parametrize("columns", [{"host": "h2"}, {"finish_time": records.NOW}])
def test_a_message_that_is_not_for_this_host_does_nothing(manager, send, columns):
    done = []
    manager.work = done.append
    action_id = begin(**columns)
    assert send(action_id) is None
    assert done == [] and records.events(action_id) == []


def test_a_doubled_message_runs_the_operation_once(manager, send):
    done = []

    def work(op):
        done.append(op.id)
        second = threading.Thread(target=send, args=(op.id,), daemon=True)
        second.start()
        second.join(5)
        assert not second.is_alive()

    manager.work = work
    action_id = begin()
    send(action_id)
    assert done == [action_id]


def test_only_a_delete_cancels_the_event_waits_of_a_build():
    cancelling = [
        each.name
        for each in operations.REGISTRY.operations(operations.Place.HOST)
        if each.cancels_event_waits
    ]
    assert cancelling == ["terminate_instance"]


def test_an_operation_is_resumed_by_the_name_in_its_row(manager, context):
    done = threading.Event()
    manager.work = lambda op: done.set()
    action_id = begin()
    uuid = db.actions.get(action_id)["instance_uuid"]
    manager.runner.resume("reboot_instance", uuid, action_id, context.to_dict())
    assert done.wait(10)


def test_an_unknown_operation_is_not_resumed(manager, context, caplog):
    action_id = begin("levitate_instance")
    uuid = db.actions.get(action_id)["instance_uuid"]
    manager.runner.resume("levitate_instance", uuid, action_id, context.to_dict())
    assert f"action {action_id} cannot be resumed" in caplog.text
    assert db.actions.get(action_id)["finish_time"] is None
