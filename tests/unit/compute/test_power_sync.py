"""Comparison of the power states in the records with the hypervisor."""

from __future__ import annotations

import pytest

from nova_mini.compute.host import power_sync
from nova_mini.db import models, query
from nova_mini.states import power_state
from tests.unit.db.records import add_server, server


class Driver:
    def __init__(self, states: dict[str, int]):
        self.states = states
        self.looks = 0

    def get_power_states(self):
        self.looks += 1
        return dict(self.states)


@pytest.fixture
def uuid(database) -> str:
    return add_server()


def state_of(uuid: str) -> tuple:
    row = server(uuid)
    return row["vm_state"], row["power_state"]


def test_unchanged_states_cost_one_query_and_no_write(uuid):
    driver = Driver({uuid: power_state.RUNNING})
    before = server(uuid)
    (known,) = power_sync.sync_power_states(driver, "h1")
    assert known == (uuid, "active", None, power_state.RUNNING)
    assert driver.looks == 1 and server(uuid) == before


def test_a_guest_that_stopped_by_itself_is_stopped(uuid):
    power_sync.sync_power_states(Driver({uuid: power_state.SHUTDOWN}), "h1")
    assert state_of(uuid) == ("stopped", power_state.SHUTDOWN)


def test_a_missing_guest_has_no_state(uuid):
    power_sync.sync_power_states(Driver({}), "h1")
    assert state_of(uuid) == ("active", power_state.NOSTATE)


def test_a_server_with_a_task_is_not_changed(uuid):
    query.update(models.instances, {"task_state": "powering-off"}, models.instances.c.uuid == uuid)
    power_sync.sync_power_states(Driver({uuid: power_state.SHUTDOWN}), "h1")
    assert state_of(uuid) == ("active", power_state.RUNNING)


def test_a_change_since_the_query_is_not_overwritten(uuid):
    """The query finds the guest running; it is stopped before its record is read."""
    driver = Driver({uuid: power_state.SHUTDOWN})
    stale = iter([{uuid: power_state.RUNNING}])
    look = driver.get_power_states
    driver.get_power_states = lambda: next(stale, None) or look()
    stopped = {"vm_state": "stopped", "power_state": power_state.SHUTDOWN}
    query.update(models.instances, stopped, models.instances.c.uuid == uuid)
    power_sync.sync_power_states(driver, "h1")
    assert state_of(uuid) == ("stopped", power_state.SHUTDOWN)
