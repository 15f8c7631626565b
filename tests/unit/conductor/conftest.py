"""A conductor with a real database, a bus that records messages, and rows as made by the API."""

from __future__ import annotations

import pytest

from nova_mini import db
from nova_mini.conductor.manager import ComputeTaskManager
from nova_mini.network.neutron import ports
from tests.unit import rest_server
from tests.unit.api.openstack.compute.conftest import Glance
from tests.unit.bus import bus  # noqa: F401
from tests.unit.conductor.task_records import CONDUCTOR
from tests.unit.network.stub_neutron import StubNeutron
from tests.unit.volume import stub_cinder


@pytest.fixture
def tasks(database, bus) -> ComputeTaskManager:  # noqa: F811
    owner = "11111111-0000-4000-8000-00000000000c"
    db.services.start(CONDUCTOR, "nova-mini-conductor", "conductor", owner, 2)
    return ComputeTaskManager(owner)


@pytest.fixture
def cinder():
    with stub_cinder.serving() as served:
        yield served


@pytest.fixture
def neutron(monkeypatch):
    """A stub of Neutron with one network, ``neutron.network``."""
    monkeypatch.setattr(ports.time, "sleep", lambda seconds: None)
    served = StubNeutron()
    served.network = served.add_network()
    with rest_server.serving("neutron", served.respond):
        yield served


@pytest.fixture
def glance():
    served = Glance()
    with rest_server.serving("glance", served.respond):
        yield served
