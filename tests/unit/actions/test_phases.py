"""An action that several hosts execute one after the other: the end of each phase."""

from __future__ import annotations

import pytest

from nova_mini import db, exception
from nova_mini.actions import operations
from nova_mini.actions.registry import NextPhase
from nova_mini.actions.runner import HostRunner, runs
from nova_mini.conf import CONF
from nova_mini.db import models, query
from tests.unit.db import records


class Source:
    """The source of a resize, which does ``work(op)``."""

    def __init__(self, owner: str):
        self.work = lambda op: None
        self.lost: list[str] = []
        ignore = lambda uuid: None  # noqa: E731
        self.runner = HostRunner(
            "h1",
            owner,
            services=None,
            cancel_event_waits=ignore,
            operation_ended=ignore,
            ownership_lost=self.lost.append,
        )
        self.runner.serve(self)

    @runs(operations.RESIZE_INSTANCE)
    def resize_instance(self, op):
        return self.work(op)


@pytest.fixture
def source(database, bus) -> Source:
    source = Source(records.add_service("h1"))
    yield source
    source.runner.stop()


@pytest.fixture
def send(source, context):
    def send(action_id: int) -> None:
        uuid = db.actions.get(action_id)["instance_uuid"]
        source.resize_instance(context, instance_uuid=uuid, action_id=action_id)

    return send


def begin(**columns) -> int:
    uuid = records.add_server(task_state="resize_prep")
    records.add_migration(uuid, status="migrating")
    action = {"action": "resize", "method": "resize_instance", "args": {}, "attempts": 2}
    return records.add_action(uuid, **action, **columns)


def server_of(action_id: int):
    return records.server(db.actions.get(action_id)["instance_uuid"])


def migration_of(action_id: int):
    uuid = db.actions.get(action_id)["instance_uuid"]
    return query.one(models.migrations, models.migrations.c.instance_uuid == uuid)


def continue_at_destination(op) -> NextPhase:
    op.instance.host = "h2"
    op.migration.status = "post-migrating"
    return NextPhase(operations.FINISH_RESIZE, "h2")


def raising(exc: Exception):
    def work(op):
        op.instance.task_state = "resize_migrating"
        op.instance.save()
        raise exc

    return work


def test_a_phase_gives_the_server_and_its_action_to_the_next_host(source, send, bus):
    source.work = continue_at_destination
    action_id = begin()
    send(action_id)
    row = db.actions.get(action_id)
    assert (row["host"], row["method"], row["args"]) == ("h2", "finish_resize", {})
    assert (row["owner"], row["finish_time"], row["attempts"]) == (None, None, 0)
    assert server_of(action_id)["host"] == "h2"
    assert migration_of(action_id)["status"] == "post-migrating"
    assert records.events(action_id) == [("compute_resize_instance", "Success", None)]
    ((host, method, message),) = bus.casts
    assert (host, method, message["action_id"]) == ("h2", "finish_resize", action_id)


def test_a_failed_phase_is_followed_by_the_one_that_goes_back(source, send, bus):
    source.work = raising(exception.MigrationPreCheckError(reason="no shared storage"))
    action_id = begin()
    send(action_id)
    row = db.actions.get(action_id)
    assert (row["host"], row["method"]) == ("h1", "finish_revert_resize")
    assert row["args"] == {"reason": "Migration pre-check error: no shared storage"}
    assert (row["owner"], row["finish_time"], row["attempts"]) == (None, None, 0)
    server = server_of(action_id)
    assert (server["task_state"], server["vm_state"]) == ("resize_migrating", "active")
    assert db.instance_faults.get_latest_faults([server["uuid"]]) == {}
    ((event, result, _),) = records.events(action_id)
    assert (event, result) == ("compute_resize_instance", "Error")
    assert [method for _, method, _ in bus.casts] == ["finish_revert_resize"]


def test_the_reason_holds_no_detail_that_only_operators_may_see(source, send):
    source.work = raising(OSError("/secret/path"))
    action_id = begin()
    send(action_id)
    assert "/secret/path" not in db.actions.get(action_id)["args"]["reason"]


def test_a_phase_that_a_delete_has_superseded_sends_nothing_and_loses_the_server(source, send, bus):
    def work(op) -> NextPhase:
        db.actions.supersede(op.instance.uuid)
        return continue_at_destination(op)

    source.work = work
    action_id = begin()
    send(action_id)
    assert source.lost == [db.actions.get(action_id)["instance_uuid"]]
    assert bus.casts == []
    assert server_of(action_id)["host"] == "h1"


def test_an_interrupted_phase_is_repeated(source, send, bus):
    source.work = raising(exception.ActionInterrupted(reason="Cinder is away"))
    action_id = begin()
    send(action_id)
    row = db.actions.get(action_id)
    assert (row["host"], row["method"], row["owner"]) == ("h1", "resize_instance", None)
    assert row["attempts"] == 3
    assert bus.casts == []


def test_a_phase_in_which_the_process_died_too_often_goes_back(source, send):
    source.work = continue_at_destination
    action_id = begin()
    query.update(
        models.instance_actions,
        {"attempts": CONF.max_action_attempts},
        models.instance_actions.c.id == action_id,
    )
    send(action_id)
    assert db.actions.get(action_id)["method"] == "finish_revert_resize"
    assert server_of(action_id)["host"] == "h1"
