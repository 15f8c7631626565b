"""Actions without a living owner are sent again, to their hosts or to conductors."""

from __future__ import annotations

import datetime
import logging

import pytest

from nova_mini import db
from nova_mini.actions import operations
from nova_mini.actions.reconcile import Reconciler
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from tests.unit.db import records

DEAD = "11111111-0000-4000-8000-000000000001"  # the incarnation of a process that was replaced
BUILD = {"admin_password": "p", "security_groups": ["default"]}


class Tasks:
    """Records the operations that a conductor runs; actions in ``failing`` fail."""

    def __init__(self):
        self.runs: list[tuple] = []
        self.running: set[int] = set()
        self.failing: set[int] = set()

    def run(self, operation, context, action_ids) -> None:
        if self.failing.intersection(action_ids):
            raise RuntimeError("the database is away")
        self.runs.append((operation, action_ids))

    def is_running(self, action_id: int) -> bool:
        return action_id in self.running


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def owner(database) -> str:
    """The incarnation of this conductor."""
    return records.add_service("control", binary="nova-mini-conductor", topic="conductor")


@pytest.fixture
def reconciler(tasks, bus, owner) -> Reconciler:
    return Reconciler(tasks, owner)


@pytest.fixture
def alive(database) -> str:
    return records.add_service("h1")


@pytest.fixture
def down(database) -> str:
    return records.add_service("h1", seen=records.LONG_AGO)


def begin(method: str = "stop_instance", host: str | None = "h1", **columns) -> int:
    """Insert an action and its server. "server": columns of the server."""
    server = {"host": host, **columns.pop("server", {})}
    return records.add_action(records.add_server(**server), method=method, host=host, **columns)


def begin_build(**columns) -> int:
    server = {"vm_state": "building", "task_state": "scheduling", "host": None}
    return begin(
        "build_and_run_instance",
        action="create",
        **{"server": server, "args": BUILD, "attempts": 1, **columns},
    )


def recoveries(action_id: int) -> list[tuple[str, str]]:
    return [(event, details) for event, _, details in records.events(action_id)]


def messages(bus) -> list[tuple[str, str, int]]:
    return [(host, method, kwargs["action_id"]) for host, method, kwargs in bus.casts]


def place(action_id: int) -> tuple:
    row = db.actions.get(action_id)
    return row["host"], row["method"], row["owner"]


# -- where an action is sent ---------------------------------------------------------------------


def test_an_action_of_a_living_host_is_sent_to_it(reconciler, bus, alive):
    action_id = begin()
    reconciler.resume_abandoned_actions()
    ((host, method, kwargs),) = bus.casts
    uuid = db.actions.get(action_id)["instance_uuid"]
    assert (host, method) == ("h1", "stop_instance")
    assert kwargs == {"instance_uuid": uuid, "action_id": action_id}


def test_the_message_has_the_user_of_the_request(reconciler, tasks, monkeypatch):
    contexts = []
    monkeypatch.setattr(tasks, "run", lambda operation, context, ids: contexts.append(context))
    begin("unshelve_instance", None, user_id="u1", project_id="p1", request_id="req-1")
    reconciler.resume_abandoned_actions()
    (context,) = contexts
    assert (context.user_id, context.project_id, context.request_id) == ("u1", "p1", "req-1")
    assert context.auth_token is None


@pytest.mark.parametrize("operation", operations.REGISTRY.operations(operations.Place.CONDUCTOR))
def test_an_action_of_conductors_is_run_here(reconciler, tasks, operation):
    action_id = begin(operation.name, None)
    reconciler.resume_abandoned_actions()
    assert tasks.runs == [(operation, [action_id])]


def test_a_forced_down_host_counts_as_down(reconciler, bus):
    records.add_service("h1", forced_down=True)
    begin()
    reconciler.resume_abandoned_actions()
    assert bus.casts == []


def test_a_finished_action_is_not_sent(reconciler, bus, alive):
    begin(finish_time=records.NOW)
    reconciler.resume_abandoned_actions()
    assert bus.casts == []


def test_an_action_of_a_registered_process_is_not_sent(reconciler, bus, alive):
    begin(owner=alive)
    reconciler.resume_abandoned_actions()
    assert bus.casts == []


def test_an_action_of_a_replaced_process_is_sent(reconciler, bus, alive):
    action_id = begin(owner=DEAD)
    reconciler.resume_abandoned_actions()
    assert messages(bus) == [("h1", "stop_instance", action_id)]


def test_an_action_that_was_just_sent_is_left_alone_for_a_while(reconciler, bus, alive):
    begin(sent_at=utcnow())
    due = begin(sent_at=utcnow() - datetime.timedelta(seconds=CONF.conductor.recast_after + 1))
    reconciler.resume_abandoned_actions()
    reconciler.resume_abandoned_actions()
    assert messages(bus) == [("h1", "stop_instance", due)]


# -- a host that is down -------------------------------------------------------------------------


def test_a_delete_is_done_without_its_host(reconciler, tasks, bus, down):
    args = {"unfinished_images": ["i"]}
    action_id = begin("terminate_instance", action="delete", owner=DEAD, args=args)
    reconciler.resume_abandoned_actions()
    assert tasks.runs == [(operations.DELETE_UNSCHEDULED_INSTANCE, [action_id])]
    assert place(action_id) == (None, "delete_unscheduled_instance", None)
    assert db.actions.get(action_id)["args"] == {**args, "host_is_down": True}
    assert bus.casts == []


def test_a_build_that_was_never_claimed_goes_to_another_host(reconciler, tasks, down):
    action_id = begin_build(args={**BUILD, "tried": ["h0"]})
    reconciler.resume_abandoned_actions()
    assert tasks.runs == [(operations.BUILD_INSTANCES, [action_id])]
    assert place(action_id) == (None, "build_instances", None)
    args = {**BUILD, "tried": ["h0", "h1"], "reason": "host h1 is down"}
    assert db.actions.get(action_id)["args"] == args


def test_a_requeued_build_goes_to_another_host(reconciler, tasks, down):
    """The host has begun it, but no process of the host owns it."""
    action_id = begin_build(attempts=3, server={"vm_state": "building", "host": "h1"})
    reconciler.resume_abandoned_actions()
    assert tasks.runs == [(operations.BUILD_INSTANCES, [action_id])]


def test_a_host_without_a_service_is_down(reconciler, tasks):
    begin_build()
    reconciler.resume_abandoned_actions()
    assert [operation for operation, _ in tasks.runs] == [operations.BUILD_INSTANCES]


def test_a_claimed_build_waits_for_its_host(reconciler, tasks, down):
    action_id = begin_build(owner=DEAD)
    reconciler.resume_abandoned_actions()
    assert tasks.runs == []
    assert place(action_id) == ("h1", "build_and_run_instance", DEAD)


def test_an_unshelve_of_a_server_on_no_host_finds_another(reconciler, tasks, down):
    args = {"wishes": {"availability_zone": "az1"}}
    action_id = begin("unshelve_instance", server={"host": None}, args=args, attempts=1)
    reconciler.resume_abandoned_actions()
    assert tasks.runs == [(operations.FIND_HOST_TO_UNSHELVE, [action_id])]
    assert place(action_id) == (None, "unshelve_instance", None)
    assert db.actions.get(action_id)["args"] == args


@pytest.mark.parametrize(
    "columns", [{"server": {"host": "h1"}}, {"server": {"host": None}, "owner": DEAD}]
)
def test_an_unshelve_that_its_host_may_have_begun_waits(reconciler, tasks, down, columns):
    action_id = begin("unshelve_instance", args={"wishes": {}}, **columns)
    reconciler.resume_abandoned_actions()
    assert tasks.runs == [] and place(action_id)[0] == "h1"


@pytest.mark.parametrize("owner_of_it", [None, DEAD])
def test_a_stop_waits_for_its_host(reconciler, tasks, bus, down, owner_of_it):
    action_id = begin(owner=owner_of_it)
    reconciler.resume_abandoned_actions()
    assert (tasks.runs, bus.casts) == ([], [])
    assert place(action_id) == ("h1", "stop_instance", owner_of_it)


def test_an_action_that_is_claimed_meanwhile_stays_with_its_host(
    reconciler, tasks, down, monkeypatch
):
    action_id = begin_build()
    find = db.actions.get_abandoned

    def claimed_afterwards(sent_before):
        rows = find(sent_before)
        db.actions.claim(action_id, down, "h1")
        return rows

    monkeypatch.setattr(db.actions, "get_abandoned", claimed_afterwards)
    reconciler.resume_abandoned_actions()
    assert tasks.runs == []
    assert place(action_id) == ("h1", "build_and_run_instance", down)
    assert recoveries(action_id)[1:] == []


# -- rows that this release does not understand --------------------------------------------------


def test_an_unknown_operation_does_not_stop_the_others(reconciler, bus, alive, caplog):
    unknown, known = begin("polish_instance"), begin()
    reconciler.resume_abandoned_actions()
    assert messages(bus) == [("h1", "stop_instance", known)]
    assert f"Action {unknown} waits for a conductor of a later release" in caplog.text
    assert place(unknown) == ("h1", "polish_instance", None)


def test_parameters_of_a_higher_version_do_not_stop_the_others(reconciler, tasks, down, caplog):
    unknown = begin_build(args={"colour": "red"}, args_version=2)
    known = begin_build()
    reconciler.resume_abandoned_actions()
    assert tasks.runs == [(operations.BUILD_INSTANCES, [known])]
    assert f"Action {unknown} could not be sent again" in caplog.text
    assert place(unknown) == ("h1", "build_and_run_instance", None)
    assert db.actions.get(unknown)["args"] == {"colour": "red"}


def test_an_error_of_one_does_not_stop_the_others(reconciler, tasks, caplog):
    first, second = begin("build_instances", None), begin("build_instances", None)
    tasks.failing.add(first)
    reconciler.resume_abandoned_actions()
    assert tasks.runs == [(operations.BUILD_INSTANCES, [second])]
    assert f"Action {first} could not be sent again" in caplog.text


# -- one conductor at a time ---------------------------------------------------------------------


def test_only_the_holder_of_the_lease_works(reconciler, tasks, bus, alive):
    other = records.add_service("control2", binary="nova-mini-conductor", topic="conductor")
    action_id = begin()
    assert db.leases.take("reconcile", other, 60)
    reconciler.resume_abandoned_actions()
    assert bus.casts == [] and recoveries(action_id) == []
    Reconciler(tasks, other).resume_abandoned_actions()
    assert messages(bus) == [("h1", "stop_instance", action_id)]


def test_an_expired_lease_is_taken_over(reconciler, bus, alive):
    begin()
    assert db.leases.take("reconcile", DEAD, -1)
    reconciler.resume_abandoned_actions()
    assert len(bus.casts) == 1


# -- actions that this conductor owns ------------------------------------------------------------


def test_an_owned_action_that_does_not_run_is_resumed(reconciler, tasks, owner, caplog):
    action_id = begin("unshelve_instance", None, owner=owner)
    reconciler.resume_own_actions()
    assert tasks.runs == [(operations.FIND_HOST_TO_UNSHELVE, [action_id])]
    assert f"Action {action_id} was dropped" in caplog.text


def test_an_owned_action_that_runs_is_not_resumed(reconciler, tasks, owner):
    tasks.running.add(begin("unshelve_instance", None, owner=owner))
    reconciler.resume_own_actions()
    assert tasks.runs == []


def test_actions_of_other_conductors_are_not_resumed(reconciler, tasks, alive):
    begin("unshelve_instance", None, owner=alive)
    begin("unshelve_instance", None)
    reconciler.resume_own_actions()
    assert tasks.runs == []


def test_an_own_action_that_fails_does_not_stop_the_others(reconciler, tasks, owner, caplog):
    first, second = (begin("build_instances", None, owner=owner) for _ in range(2))
    tasks.failing.add(first)
    reconciler.resume_own_actions()
    assert tasks.runs == [(operations.BUILD_INSTANCES, [second])]
    assert f"Action {first} could not be resumed" in caplog.text


# -- the history ---------------------------------------------------------------------------------


def test_the_history_shows_why_an_action_was_sent_again(reconciler, alive):
    """The owner ended, the action was requeued, or its message was lost."""
    actions = [begin(owner=DEAD, attempts=1), begin(attempts=1), begin()]
    reconciler.resume_abandoned_actions()
    entries = [entry for action_id in actions for entry in recoveries(action_id)]
    assert [event for event, _ in entries] == [db.recoveries.RESENT] * 3
    assert len({details for _, details in entries}) == 3
    assert all("stop_instance" in details for _, details in entries)


def test_the_history_has_each_recovery_once(reconciler, bus, alive):
    action_id = begin()
    for _ in range(2):
        reconciler.resume_abandoned_actions()
        long_ago = {"sent_at": records.LONG_AGO}
        db.query.update(db.models.instance_actions, long_ago)
    assert len(bus.casts) == 2
    assert len(recoveries(action_id)) == 1


def test_the_history_shows_that_an_action_left_its_host(reconciler, down):
    action_id = begin_build()
    reconciler.resume_abandoned_actions()
    resent, taken = recoveries(action_id)
    assert (resent[0], taken[0]) == (db.recoveries.RESENT, db.recoveries.TAKEN)
    assert "h1 is down: build_and_run_instance" in taken[1]


def test_nothing_is_written_when_there_is_nothing_to_send(reconciler, alive, caplog):
    caplog.set_level(logging.INFO)
    reconciler.resume_abandoned_actions()
    assert db.query.many(db.models.instance_actions_events) == []
    assert "sent again" not in caplog.text
