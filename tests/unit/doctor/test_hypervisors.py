"""A host and its records, with a compute that is asked as if over the bus."""

from __future__ import annotations

import uuid

import oslo_messaging as messaging
import pytest

from nova_mini.compute import power_state
from nova_mini.doctor import finding, hypervisors
from nova_mini.virt.fake import FakeGuest
from tests.unit.compute.conftest import server, world  # noqa: F401
from tests.unit.compute.world import HOST
from tests.unit.db import records


@pytest.fixture
def guests(world):  # noqa: F811
    return world.manager.driver._guests


def _look() -> list[finding.Finding]:
    return hypervisors.examine([HOST])


def _fix() -> list[tuple[str, str | None]]:
    found = _look()
    finding.fix(found)
    return [(one.kind, one.outcome) for one in found]


@pytest.fixture
def healthy(guests, world, server):  # noqa: F811
    world.set(server, power_state=power_state.RUNNING)
    return server


def test_a_healthy_host(healthy):
    assert _look() == []


def test_a_guest_of_a_deleted_server_is_destroyed(guests, healthy):
    gone = records.add_server(deleted=True)
    history = records.add_action(gone, action="delete", finish_time=records.NOW)
    guests.save(FakeGuest(gone))
    (one,) = _look()
    assert (one.kind, one.subject, one.remedy) == (
        "leftover-guest", f"server {gone}", "is destroyed"
    )  # fmt: skip
    assert f"host {HOST}" in one.problem
    assert _fix() == [("leftover-guest", "fixed")]
    assert guests.find(gone) is None
    assert guests.find(healthy)
    ((event, _, details),) = records.events(history)
    assert event == "recovery_leftover_destroyed"
    assert HOST in details
    assert _look() == []


def test_a_guest_of_another_hosts_server_is_destroyed_here(guests, healthy):
    moved = records.add_server(host="elsewhere")
    guests.save(FakeGuest(moved))
    assert _fix() == [("leftover-guest", "fixed")]
    assert guests.find(moved) is None


def test_a_guest_that_nobody_knows_is_told_and_kept(guests, healthy):
    stranger = str(uuid.uuid4())
    guests.save(FakeGuest(stranger))
    assert _fix() == [("unknown-guest", None)]
    assert guests.find(stranger)


def test_a_record_follows_the_guest(guests, world, healthy):  # noqa: F811
    guests.save(FakeGuest(healthy, state=power_state.SHUTDOWN))
    (one,) = _look()
    assert "active (running), and its guest is shutdown" in one.problem
    assert _fix() == [("power-state", "fixed")]
    assert world.instance(healthy).vm_state == "stopped"
    assert _look() == []


def test_a_guest_that_is_missing_is_told(guests, healthy):
    guests.remove(healthy)
    assert _fix() == [("missing-guest", None)]


def test_who_is_worked_on_is_left_alone(guests, world, healthy):  # noqa: F811
    guests.remove(healthy)
    world.set(healthy, task_state="rebooting")
    assert _look() == []


def test_what_is_not_there_any_more_is_not_repaired(guests, healthy):
    gone = records.add_server(deleted=True)
    guests.save(FakeGuest(gone))
    found = _look()
    guests.remove(gone)
    finding.fix(found)
    assert found[0].outcome.startswith("not fixed: ")


def test_a_host_that_does_not_answer_is_a_finding(monkeypatch, healthy, world):  # noqa: F811
    def silent(context):
        raise messaging.MessagingTimeout

    monkeypatch.setattr(world.manager, "examine", silent)
    assert [(one.kind, one.subject) for one in _look()] == [("host-silent", f"host {HOST}")]


def test_a_neighbour_that_is_away_hides_nothing_else(monkeypatch, guests, healthy, world):  # noqa: F811
    from nova_mini import exception

    def away(*_):
        raise exception.NeutronConnectionFailed(reason="it does not answer")

    monkeypatch.setattr(world.manager.network_api, "list_ports_on_host", away)
    guests.save(FakeGuest(records.add_server(deleted=True)))
    assert [one.kind for one in _look()] == ["leftover-guest", "could-not-look"]
