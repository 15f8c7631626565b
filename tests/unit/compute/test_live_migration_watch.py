"""A guest that moves waits for the ports at its destination."""

from __future__ import annotations

import types

import pytest

from nova_mini.compute.host.events import InstanceEvents
from nova_mini.compute.operations import live_migration_watch
from nova_mini.compute.operations.live_migration_watch import MigrationWatch
from tests import servers

SERVER = "5f1f4a1a-0000-4000-8000-000000000001"


@pytest.fixture
def events():
    return InstanceEvents()


@pytest.fixture
def watch(events):
    """Of a server with a port in Open vSwitch and one in a Linux bridge."""

    def begin() -> MigrationWatch:
        vifs = [servers.make_vif(id="ovs"), servers.make_vif(id="bridge", type="bridge")]
        instance = types.SimpleNamespace(uuid=SERVER, network_info=vifs)
        host = types.SimpleNamespace(instance_events=events)
        return MigrationWatch(types.SimpleNamespace(instance=instance, host=host))

    return begin


def test_it_may_hurry_when_its_ports_are_wired(watch, events):
    with watch() as found:
        assert not found.may_hurry()
        assert not events.deliver(SERVER, ("network-vif-plugged", "bridge"), "completed")
        assert events.deliver(SERVER, ("network-vif-plugged", "ovs"), "completed")
        assert found.may_hurry()
    assert not events.deliver(SERVER, ("network-vif-plugged", "ovs"), "completed")


def test_an_event_that_is_lost_does_not_stop_it(watch, monkeypatch):
    monkeypatch.setattr(live_migration_watch, "_WIRING_SECONDS", 0)
    with watch() as found:
        assert found.may_hurry()


def test_an_administrator_may_not_want_it_to_wait(watch, override):
    override("live_migration_wait_for_vif_plug", False, "compute")
    with watch() as found:
        assert found.may_hurry()
