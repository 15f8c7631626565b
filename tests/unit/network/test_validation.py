"""Requests for networks are checked before a server is created."""

import pytest

from nova_mini import exception
from nova_mini.network import neutron
from nova_mini.objects.network_model import NetworkRequest
from tests.unit.network.stub_neutron import OTHER_PROJECT

MISSING = "99999999-0000-4000-8000-000000000000"


def test_none_sends_no_request(stub, api, ctxt):
    assert api.validate_networks(ctxt, "none", 7) == 7
    assert stub.requests == []


def test_a_request_without_a_network_means_the_only_network(stub, api, ctxt):
    assert api.validate_networks(ctxt, [], 3) == 3
    stub.add_network()
    assert api.validate_networks(ctxt, [], 3) == 3
    stub.add_network("two")
    for requested in ([], "auto"):
        with pytest.raises(exception.NetworkAmbiguous):
            api.validate_networks(ctxt, requested, 1)


def test_shared_networks_count_and_are_read_with_the_users_token(stub, api, ctxt):
    stub.add_network("theirs", OTHER_PROJECT)
    stub.add_network("shared", OTHER_PROJECT, shared=True)
    assert api.validate_networks(ctxt, [], 1) == 1
    assert {seen.headers["X-Auth-Token"] for seen in stub.requests} == {"users-token"}


def test_auto_is_checked_with_a_dry_run(stub, api, ctxt):
    with pytest.raises(exception.UnableToAutoAllocateNetwork):
        api.validate_networks(ctxt, "auto", 1)
    stub.auto_network = MISSING
    assert api.validate_networks(ctxt, "auto", 1) == 1
    assert stub.requests[-2].query == {"fields": ["dry-run"]}


def test_requested_networks_are_checked(stub, api, ctxt):
    good = stub.add_network()
    bare = stub.add_network(subnets=[])
    outside = stub.add_network(**{"router:external": True})
    assert api.validate_networks(ctxt, [NetworkRequest(good), NetworkRequest(good)], 5) == 5
    for network_id, error in (
        (MISSING, exception.NetworkNotFound),
        (bare, exception.NetworkRequiresSubnet),
        (outside, exception.ExternalNetworkAttachForbidden),
    ):
        with pytest.raises(error, match=network_id):
            api.validate_networks(ctxt, [NetworkRequest(good), NetworkRequest(network_id)], 1)
    ctxt.roles = ["admin"]  # by the rule network:attach_external_network
    assert api.validate_networks(ctxt, [NetworkRequest(outside)], 1) == 1


def test_requested_ports_are_checked(stub, api, ctxt):
    net = stub.add_network()
    free = stub.add_port(net)["id"]
    used = stub.add_port(net, device_id="another-device")["id"]
    bare = stub.add_port(net)
    bare["fixed_ips"] = []
    deferred = stub.add_port(net, ip_allocation="deferred")
    deferred["fixed_ips"] = []
    foreign = stub.add_port(net, project_id=OTHER_PROJECT)["id"]
    for port_id in (free, deferred["id"]):
        assert api.validate_networks(ctxt, [NetworkRequest(port_id=port_id)], 1) == 1
    for port_id, error in (
        (MISSING, exception.PortNotFound),
        (used, exception.PortInUse),
        (bare["id"], exception.PortRequiresFixedIP),
        (foreign, exception.PortNotUsable),
    ):
        with pytest.raises(error, match=port_id):
            api.validate_networks(ctxt, [NetworkRequest(port_id=port_id)], 1)


BANDWIDTH = {"required": ["CUSTOM_PHYSNET"], "resources": {"NET_BW_EGR_KILOBIT_PER_SEC": 1000}}
GROUPS = {"request_groups": [{"id": "x", **BANDWIDTH}], "same_subtree": []}


@pytest.mark.parametrize("resource_request", [BANDWIDTH, GROUPS], ids=["plain", "groups"])
def test_a_port_with_a_resource_request_is_refused(stub, api, ctxt, resource_request):
    """Neutron does not show it to users, so it is read with the service's credentials."""
    net = stub.add_network()
    ordinary = stub.add_port(net, resource_request=None)["id"]
    empty = stub.add_port(net, resource_request={"request_groups": []})["id"]
    special = stub.add_port(net, resource_request=resource_request)["id"]
    for port_id in (ordinary, empty):
        assert api.validate_networks(ctxt, [NetworkRequest(port_id=port_id)], 1) == 1
    with pytest.raises(exception.PortResourceRequestNotSupported, match=special) as raised:
        api.validate_networks(ctxt, [NetworkRequest(port_id=special)], 1)
    assert raised.value.code == 400


def test_requested_addresses_are_checked(stub, api, ctxt):
    net = stub.add_network()
    shared = stub.add_network("shared", OTHER_PROJECT, shared=True)
    used = stub.add_port(net)["fixed_ips"][0]["ip_address"]
    assert api.validate_networks(ctxt, [NetworkRequest(net, address="10.0.0.200")], 1) == 1
    for item, error in (
        (NetworkRequest(net, address=used), exception.FixedIpAlreadyInUse),
        (NetworkRequest(net, address="10.9.0.1"), exception.InvalidInput),
        (NetworkRequest(net, address="fe80::1"), exception.InvalidInput),
        (NetworkRequest(net, address="10.0.0.0200"), exception.InvalidInput),
        (NetworkRequest(address="10.0.0.200"), exception.NetworkAmbiguous),
        (NetworkRequest(shared, address="10.0.0.200"), exception.Forbidden),
    ):
        with pytest.raises(error):
            api.validate_networks(ctxt, [NetworkRequest(net), item], 1)


def test_ports_and_addresses_can_be_requested_only_once(stub, api, ctxt):
    net = stub.add_network()
    port = stub.add_port(net)["id"]
    for item in (NetworkRequest(port_id=port), NetworkRequest(net, address="10.0.0.200")):
        with pytest.raises(exception.InvalidInput, match="one server"):
            api.validate_networks(ctxt, [item], 2)
    with pytest.raises(exception.InvalidInput, match="twice"):
        api.validate_networks(ctxt, [NetworkRequest(port_id=port)] * 2, 1)


def test_the_port_quota_limits_the_number_of_servers(stub, api, ctxt):
    net = stub.add_network()
    stub.quota = {"limit": 10, "used": 4, "reserved": 1}
    two = [NetworkRequest(net), NetworkRequest(net)]
    assert api.validate_networks(ctxt, two, 9) == 2
    assert api.validate_networks(ctxt, two, 1) == 1
    stub.quota["used"] = 8
    with pytest.raises(exception.PortLimitExceeded):
        api.validate_networks(ctxt, two, 1)
    port = stub.add_port(net)["id"]
    assert api.validate_networks(ctxt, [NetworkRequest(port_id=port)], 1) == 1


def test_security_groups_are_resolved_by_name_and_id(stub, api, ctxt):
    web = stub.add_security_group("web")
    assert api.validate_security_groups(ctxt, ["web"]) == [web]
    assert api.validate_security_groups(ctxt, ["default"]) == []
    with pytest.raises(exception.SecurityGroupNotFound):
        api.validate_security_groups(ctxt, ["nope"])
    stub.add_security_group("web")
    with pytest.raises(exception.SecurityGroupAmbiguous):
        api.validate_security_groups(ctxt, ["web"])
    assert api.validate_security_groups(ctxt, [web]) == [web]


def test_connection_errors_have_a_reason(stub, api, ctxt):
    stub.faults = [("GET", "refused connection")] * 4
    with pytest.raises(exception.NeutronConnectionFailed, match="does not answer"):
        api.validate_networks(ctxt, [], 1)
    stub.faults = [("GET", (401, "x"))]
    with pytest.raises(exception.NeutronConnectionFailed, match="credentials"):
        api.validate_networks(ctxt, [], 1)


def test_without_a_network_service_servers_have_no_interfaces(ctxt, instance):
    api = neutron.API()
    assert api.validate_networks(ctxt, [], 2) == 2
    assert api.allocate_for_instance(ctxt, instance, [], ["default"], "host1") == []
    assert api.get_instance_nw_info(ctxt, instance) == []
    assert api.list_ports_on_host(ctxt, "host1") == []
    api.deallocate_for_instance(ctxt, instance)
    with pytest.raises(exception.NovaException) as caught:
        api.validate_networks(ctxt, [NetworkRequest(MISSING)], 1)
    assert caught.value.code == 400
