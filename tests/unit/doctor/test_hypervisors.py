"""The doctor's audit of a host, with a compute that is called as if over RPC."""

from __future__ import annotations

import uuid

import oslo_messaging as messaging
import pytest

from nova_mini.doctor import finding, hypervisors
from nova_mini.states import power_state
from nova_mini.virt.fake.guests import FakeGuest
from tests.unit.compute.cloud_in_one_process import HOST
from tests.unit.compute.conftest import cloud, server  # noqa: F401
from tests.unit.db import records


@pytest.fixture
def guests(cloud):  # noqa: F811
    return cloud.manager.driver._guests


def _audit() -> list[finding.Finding]:
    return hypervisors.audit([HOST])


def _fix() -> list[tuple[str, str | None]]:
    found = _audit()
    finding.fix(found)
    return [(one.kind, one.outcome) for one in found]


@pytest.fixture
def healthy(guests, cloud, server):  # noqa: F811
    cloud.set(server, power_state=power_state.RUNNING)
    return server


def test_a_healthy_host_has_no_findings(healthy):
    assert _audit() == []


def test_a_guest_of_a_deleted_server_is_destroyed(guests, healthy):
    gone = records.add_server(deleted=True)
    history = records.add_action(gone, action="delete", finish_time=records.NOW)
    guests.save(FakeGuest(gone))
    (one,) = _audit()
    assert (one.kind, one.subject, one.remedy) == (
        "orphaned-guest",
        f"server {gone}",
        "is destroyed",
    )
    assert f"host {HOST}" in one.problem
    assert _fix() == [("orphaned-guest", "fixed")]
    assert guests.find(gone) is None
    assert guests.find(healthy)
    ((event, _, details),) = records.events(history)
    assert event == "recovery_leftover_destroyed"
    assert HOST in details
    assert _audit() == []


def test_a_guest_of_a_server_on_another_host_is_destroyed(guests, healthy):
    moved = records.add_server(host="elsewhere")
    guests.save(FakeGuest(moved))
    assert _fix() == [("orphaned-guest", "fixed")]
    assert guests.find(moved) is None


def test_a_guest_of_an_unknown_server_is_not_destroyed(guests, healthy):
    stranger = str(uuid.uuid4())
    guests.save(FakeGuest(stranger))
    assert _fix() == [("unknown-guest", None)]
    assert guests.find(stranger)


def test_a_record_gets_the_power_state_of_its_guest(guests, cloud, healthy):  # noqa: F811
    guests.save(FakeGuest(healthy, state=power_state.SHUTDOWN))
    (one,) = _audit()
    assert "active (running), and its guest is shutdown" in one.problem
    assert _fix() == [("power-state", "fixed")]
    assert cloud.instance(healthy).vm_state == "stopped"
    assert _audit() == []


def test_a_missing_guest_cannot_be_fixed(guests, healthy):
    guests.remove(healthy)
    assert _fix() == [("missing-guest", None)]


def test_a_server_with_a_task_state_is_not_checked(guests, cloud, healthy):  # noqa: F811
    guests.remove(healthy)
    cloud.set(healthy, task_state="rebooting")
    assert _audit() == []


def test_a_problem_that_no_longer_exists_is_not_fixed(guests, healthy):
    gone = records.add_server(deleted=True)
    guests.save(FakeGuest(gone))
    found = _audit()
    guests.remove(gone)
    finding.fix(found)
    assert found[0].outcome.startswith("not fixed: ")


def test_a_host_that_does_not_answer_is_a_finding(monkeypatch, healthy, cloud):  # noqa: F811
    def no_reply(context):
        raise messaging.MessagingTimeout

    monkeypatch.setattr(cloud.manager, "examine", no_reply)
    assert [(one.kind, one.subject) for one in _audit()] == [("host-silent", f"host {HOST}")]


def test_other_findings_do_not_depend_on_neutron(monkeypatch, guests, healthy, cloud):  # noqa: F811
    from nova_mini import exception

    def unavailable(*_):
        raise exception.NeutronConnectionFailed(reason="it does not answer")

    monkeypatch.setattr(cloud.manager.network_api, "list_ports_on_host", unavailable)
    guests.save(FakeGuest(records.add_server(deleted=True)))
    assert [one.kind for one in _audit()] == ["orphaned-guest", "could-not-look"]
