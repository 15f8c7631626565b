"""Failures of a running operation: they are retried, or final, or the ownership is lost."""

from __future__ import annotations

import oslo_messaging as messaging
import pytest

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.claims import claim
from nova_mini.actions.context import OperationContext
from nova_mini.actions.errors import RETRYABLE
from nova_mini.actions.parameters import NoParameters
from nova_mini.conf import CONF
from tests.unit.db import records

INTERRUPTED = exception.ActionInterrupted(reason="Cinder is away")
PREEMPTED = exception.Preempted()
LOST = exception.InstanceOwnershipLost(instance_uuid="u", host="h2")
DELETED = exception.InstanceNotFound(instance_id="u")
RESCHEDULED = exception.RescheduledException(instance_uuid="u")
REFUSED = exception.PortNotFound(port_id="p")
PLAIN = KeyError("p")

# (error, whether it is retried with attempts left, whether it is final with attempts left,
#  retried without, final without)
KINDS = [
    pytest.param(INTERRUPTED, True, False, False, True, id="interrupted"),
    pytest.param(messaging.MessagingTimeout(), True, False, False, True, id="no answer"),
    pytest.param(PREEMPTED, True, False, True, False, id="preempted"),
    pytest.param(LOST, False, False, False, False, id="ownership lost"),
    pytest.param(DELETED, False, False, False, False, id="server deleted"),
    pytest.param(RESCHEDULED, False, False, False, False, id="rescheduled"),
    pytest.param(REFUSED, False, True, False, True, id="refused"),
    pytest.param(PLAIN, False, True, False, True, id="unexpected"),
]
FINAL = (REFUSED, PLAIN)
NOT_FINAL = (INTERRUPTED, PREEMPTED, LOST, DELETED, RESCHEDULED)


@pytest.fixture
def begin(database, context):
    """``begin(attempts)``: the context of an operation in its attempt of that number."""
    owner = records.add_service("h1")

    def begin(attempts: int = 1) -> OperationContext:
        uuid = records.add_server(task_state="powering-off")
        action_id = records.add_action(uuid, attempts=attempts - 1)
        claimed = claim(context, operations.STOP_INSTANCE, action_id, owner, host="h1", at="h1")
        return OperationContext(claimed, context, host=None)

    return begin


@pytest.fixture
def op(begin) -> OperationContext:
    return begin()


def _fail(manager, exc: BaseException) -> None:
    """Asserts that the block raises the error unchanged."""
    with pytest.raises(type(exc)) as raised, manager:
        raise exc
    assert raised.value is exc


@pytest.mark.parametrize(("exc", "retried", "final", "last_retried", "last_final"), KINDS)
def test_which_errors_are_retried_and_which_are_final(
    begin, exc, retried, final, last_retried, last_final
):
    op, last = begin(), begin(CONF.max_action_attempts)
    assert (op.will_be_retried(exc), op.is_final(exc)) == (retried, final)
    assert (last.will_be_retried(exc), last.is_final(exc)) == (last_retried, last_final)


@pytest.mark.parametrize("kind", RETRYABLE)
def test_an_error_of_an_absent_service_is_retried(op, kind):
    assert op.will_be_retried(kind.__new__(kind))


def test_the_last_attempt_is_the_one_of_the_limit(begin, override):
    override("max_action_attempts", 3)
    assert [begin(n).will_be_retried(INTERRUPTED) for n in (1, 2, 3)] == [True, True, False]


@pytest.mark.parametrize("exc", FINAL)
def test_a_final_error_is_compensated(op, exc):
    undone = []
    _fail(op.compensate(lambda: undone.append(1)), exc)
    assert undone == [1]


@pytest.mark.parametrize("exc", NOT_FINAL)
def test_no_other_error_is_compensated(op, exc):
    undone = []
    _fail(op.compensate(lambda: undone.append(1)), exc)
    assert undone == []


def test_the_last_attempt_is_compensated(begin):
    undone = []
    _fail(begin(CONF.max_action_attempts).compensate(lambda: undone.append(1)), INTERRUPTED)
    assert undone == [1]


def test_work_that_succeeds_is_not_compensated(op):
    undone = []
    with op.compensate(lambda: undone.append(1)):
        pass
    assert undone == []


@pytest.mark.parametrize("exc", [LOST, DELETED, RESCHEDULED])
def test_also_on_adds_errors_that_are_compensated(op, exc):
    undone = []
    _fail(op.compensate(lambda: undone.append(1), also_on=(type(exc),)), exc)
    assert undone == [1]


def test_also_on_adds_no_others(op):
    undone = []
    also_on = (exception.RescheduledException,)
    _fail(op.compensate(lambda: undone.append(1), also_on=also_on), LOST)
    assert undone == []


def test_inner_work_is_undone_before_outer_work(op):
    undone = []
    outer, inner = (
        op.compensate(lambda name=name: undone.append(name)) for name in ("outer", "inner")
    )
    with pytest.raises(KeyError), outer, inner:
        raise PLAIN
    assert undone == ["inner", "outer"]


@pytest.mark.parametrize("exc", FINAL)
def test_a_final_error_breaks_the_server(op, exc):
    _fail(op.error_on_failure(), exc)
    op.finish(exc)
    assert records.server(op.instance.uuid)["vm_state"] == "error"


@pytest.mark.parametrize("exc", NOT_FINAL)
def test_no_other_error_breaks_the_server(op, exc):
    _fail(op.error_on_failure(), exc)
    assert op.instance.vm_state == "active" and not op.instance.obj_what_changed()


def test_the_disks_and_the_server_are_those_of_the_claim(op):
    assert op.instance.uuid == op.record.instance_uuid
    assert list(op.block_device_mappings) == []
    assert op.is_first_attempt and op.parameters == NoParameters()
