"""Every operation has exactly one method, and every action a row in the table of states."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.operations import REGISTRY
from nova_mini.actions.parameters import RevertParameters
from nova_mini.actions.registry import ContinueAtConductor, Operation, Place
from nova_mini.compute.manager import ComputeManager
from nova_mini.conductor import manager as conductor_manager
from nova_mini.conductor.manager import ComputeTaskManager
from nova_mini.states.state_checks import ALLOWED


def _names(found) -> list[str]:
    return sorted(each.name for each in found)


def _methods_of_computes() -> dict[str, Operation]:
    """The methods that ``@runs`` has decorated."""
    methods = {name: getattr(ComputeManager, name) for name in dir(ComputeManager)}
    return {
        name: method.operation for name, method in methods.items() if hasattr(method, "operation")
    }


def test_each_operation_of_hosts_is_run_by_one_method_of_its_name():
    methods = _methods_of_computes()
    assert {name: operation.name for name, operation in methods.items()} == {n: n for n in methods}
    assert set(methods.values()) == set(REGISTRY.operations(Place.HOST))
    assert len(set(methods.values())) == len(methods)


def test_each_operation_of_conductors_is_run_by_one_method_of_its_name():
    tasks = conductor_manager._TASKS
    assert set(tasks) == set(REGISTRY.operations(Place.CONDUCTOR))
    assert {each.name: task.__name__ for each, task in tasks.items()} == {
        each.name: each.name for each in tasks
    }
    assert all(getattr(ComputeTaskManager, each.name) is task for each, task in tasks.items())


@pytest.mark.parametrize("place", Place)
def test_no_two_operations_of_a_place_have_one_name_or_one_event(place):
    found = REGISTRY.operations(place)
    assert len({each.name for each in found}) == len(found)
    assert len({each.event for each in found}) == len(found)


def test_every_declared_operation_is_registered():
    declared = {each for each in vars(operations).values() if isinstance(each, Operation)}
    registered = {each for place in Place for each in REGISTRY.operations(place)}
    assert _names(declared - registered) == []


def test_every_declared_action_is_registered():
    declared = [each for each in vars(operations).values() if isinstance(each, operations.Action)]
    assert _names(declared) == sorted(REGISTRY.actions)


def test_every_action_but_create_starts_from_a_row_of_the_table_of_states():
    starts = {name: each.starts_from for name, each in REGISTRY.actions.items()}
    assert starts.pop("create") is None
    assert {name: row for name, row in starts.items() if row not in ALLOWED} == {}


@pytest.mark.parametrize("action", REGISTRY.actions.values(), ids=REGISTRY.actions)
def test_an_action_that_only_a_host_can_do_has_no_operation_of_conductors(action):
    needs_host = action.starts_from is not None and ALLOWED[action.starts_from].on_host
    assert (action.on_conductor is None) is needs_host


def test_only_a_move_begins_at_a_conductor_although_the_server_is_on_a_host():
    found = {
        each.name for each in REGISTRY.actions.values() if each.on_host.place is not Place.HOST
    }
    assert found == {"resize", "migrate", "live-migration", "evacuate"}


def test_a_phase_that_fails_is_followed_by_one_that_goes_back_at_the_same_host():
    back = {
        each.name: each.when_it_fails
        for each in REGISTRY.operations(Place.HOST)
        if each.when_it_fails is not None
    }
    assert back == {
        "resize_instance": operations.FINISH_REVERT_RESIZE,
        "finish_resize": operations.REVERT_RESIZE,
        "pre_live_migration": operations.ROLLBACK_LIVE_MIGRATION_AT_DESTINATION,
        "live_migration": operations.ROLLBACK_LIVE_MIGRATION,
    }
    assert all(each.place is Place.HOST for each in back.values())
    assert all(each.parameters is RevertParameters for each in back.values())


def test_an_action_continues_at_an_operation_of_the_conductors():
    found = [
        continuation
        for operation in REGISTRY.operations(Place.HOST)
        for continuation in (operation.when_host_is_down, operation.when_rescheduled)
        if continuation is not None
    ]
    assert found and all(isinstance(each, ContinueAtConductor) for each in found)
    assert {each.operation.place for each in found} == {Place.CONDUCTOR}


def test_the_host_of_a_row_decides_between_operations_of_one_name():
    assert REGISTRY.find("h1", "attach_volume") is operations.ATTACH_VOLUME.on_host
    assert REGISTRY.find(None, "attach_volume") is operations.ATTACH_VOLUME.on_conductor


@pytest.mark.parametrize(
    ("host", "name"), [("h1", "levitate_instance"), ("h1", "build_instances"), (None, "__init__")]
)
def test_an_unknown_name_raises_unknown_operation(host, name):
    with pytest.raises(exception.UnknownOperation, match=name):
        REGISTRY.find(host, name)


def test_an_action_without_an_operation_for_a_place_is_an_error():
    with pytest.raises(ValueError, match="stop has no operation"):
        operations.STOP.operation_at(None)
