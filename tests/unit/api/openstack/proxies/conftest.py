"""A Neutron for the proxies, whose projects are those of the API's tokens."""

import pytest

from tests.unit import rest_server
from tests.unit.api.openstack.compute.conftest import (  # noqa: F401 - fixtures
    bus,
    cloud,
    glance,
)
from tests.unit.network.stub_neutron import StubNeutron


@pytest.fixture
def neutron(database):
    stub = StubNeutron()
    with rest_server.serving("neutron", stub.respond):
        yield stub
