import pytest

from nova_mini import context
from nova_mini.network import neutron
from nova_mini.network.neutron import ports
from nova_mini.objects.instance import Instance
from nova_mini.objects.network_model import NetworkInfo
from tests.unit import rest_server
from tests.unit.network.stub_neutron import PROJECT, StubNeutron

INSTANCE = "aaaaaaaa-0000-4000-8000-00000000000a"


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setattr(ports.time, "sleep", lambda seconds: None)
    served = StubNeutron()
    with rest_server.serving("neutron", served.respond):
        yield served


@pytest.fixture
def api():
    return neutron.API()


@pytest.fixture
def ctxt():
    return context.RequestContext(auth_token="users-token", user_id="u", project_id=PROJECT)


@pytest.fixture
def instance():
    return Instance(
        uuid=INSTANCE, id=1, project_id=PROJECT, availability_zone="az1", network_info=NetworkInfo()
    )
