"""Concurrent requests to attach interfaces."""

import contextlib

import pytest

from nova_mini import exception
from nova_mini.actions import intents, operations
from nova_mini.actions.parameters import AttachInterfaceParameters
from nova_mini.objects.network_model import NetworkRequest
from tests.unit import rest_server
from tests.unit.network.stub_neutron import StubNeutron


def test_one_of_several_requests_for_a_port_succeeds(cloud, server):
    """The other requests pass the API before the first has ended, and wait for it on the host."""
    stub = StubNeutron()
    project = cloud.context.project_id
    with rest_server.serving("neutron", stub.respond):
        port = stub.add_port(stub.add_network(project_id=project), project_id=project)
        request = NetworkRequest(port_id=port["id"])
        late = cloud.instance(server)
        with contextlib.suppress(exception.InterfaceAttachDelayed):  # the first answer is lost
            cloud.api.attach_interface(cloud.context, cloud.instance(server), request)
        parameters = AttachInterfaceParameters(port_id=port["id"])
        action = intents.begin(cloud.context, late, operations.ATTACH_INTERFACE, parameters)
        with pytest.raises(exception.PortInUse):
            cloud.api.compute_rpcapi.run_action(cloud.context, action)
    assert [vif.id for vif in cloud.instance(server).network_info] == [port["id"]]
    assert port["device_id"] == server
    assert cloud.unfinished() == []
