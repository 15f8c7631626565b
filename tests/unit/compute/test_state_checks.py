"""The table of the actions that each state allows."""

import pytest

from nova_mini import exception
from nova_mini.clock import utcnow
from nova_mini.objects.instance import Instance
from nova_mini.states import state_checks, task_states, vm_states
from tests.unit.conftest import make_context

UUID = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"


def instance(
    vm_state=vm_states.ACTIVE, task_state=None, locked=False, launched=True, host="host1"
) -> Instance:
    return Instance(
        uuid=UUID,
        vm_state=vm_state,
        task_state=task_state,
        locked=locked,
        host=host,
        launched_at=utcnow() if launched else None,
    )


def test_the_table_has_only_known_states():
    vm = {value for name, value in vars(vm_states).items() if isinstance(value, str)}
    task = {value for name, value in vars(task_states).items() if name.isupper()} | {None}
    for allowed in state_checks.ALLOWED.values():
        assert set(allowed.vm_states or ()) <= vm
        assert set(allowed.task_states or ()) <= task


def test_delete_is_allowed_in_every_state():
    for vm_state in (vm_states.BUILDING, vm_states.ERROR, vm_states.PAUSED):
        for task_state in (None, task_states.SPAWNING, task_states.DELETING):
            server = instance(vm_state, task_state, launched=False)
            state_checks.check(make_context(), server, "delete")


def test_refusals():
    context = make_context()
    with pytest.raises(exception.InstanceInvalidState, match="vm_state stopped"):
        state_checks.check(context, instance(vm_states.STOPPED), "pause")
    with pytest.raises(exception.InstanceInvalidState, match="'reboot'.* task_state deleting"):
        state_checks.check(context, instance(task_state=task_states.DELETING), "hard reboot")
    with pytest.raises(exception.InstanceNeverActive):
        state_checks.check(context, instance(vm_states.ERROR, launched=False), "stop")
    with pytest.raises(exception.InstanceIsLocked):
        state_checks.check(context, instance(locked=True), "stop")


def test_a_lock_allows_administrators_and_snapshots():
    state_checks.check(make_context(admin=True), instance(locked=True), "stop")
    state_checks.check(make_context(), instance(locked=True), "createImage")
