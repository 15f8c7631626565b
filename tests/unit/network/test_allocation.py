"""The ports of a server: allocation, retries after lost answers, and release."""

import pytest

from nova_mini import exception
from nova_mini.network import neutron
from nova_mini.objects.network_model import NetworkInfo, NetworkRequest
from tests.unit.network.stub_neutron import OTHER_PROJECT


def allocate(api, ctxt, instance, requested, groups=(), host="host1"):
    return api.allocate_for_instance(ctxt, instance, requested, list(groups), host)


def test_new_ports_are_created_bound_and_in_order_with_one_request(stub, api, ctxt, instance):
    one, two = stub.add_network("one"), stub.add_network("two", cidr="10.2.0.0/24")
    requested = [NetworkRequest(two, tag="b"), NetworkRequest(one, address="10.0.0.77", tag="a")]
    vifs = allocate(api, ctxt, instance, requested)
    assert [(vif.network.label, vif.tag) for vif in vifs] == [("two", "b"), ("one", "a")]
    assert vifs[1].fixed_ips()[0].address == "10.0.0.77"
    assert {vif.type for vif in vifs} == {"ovs"} and vifs[0].network.bridge == "br-int"
    assert not any(vif.preserve_on_delete for vif in vifs)
    assert stub.count("POST") == 1 and stub.count("PUT") == 0
    port = stub.ports[vifs[0].id]
    assert (port["device_owner"], port["binding:host_id"]) == ("compute:az1", "host1")
    subnet = vifs[0].network.subnets[0]
    assert subnet.gateway == "10.2.0.1" and subnet.dns == ["9.9.9.9"]
    assert subnet.dhcp_server and subnet.routes[0].cidr == "172.16.0.0/12"
    assert vifs[0].profile == {} and vifs[0].security_groups == ["default"]


def test_none_sends_no_request(stub, api, ctxt, instance):
    assert allocate(api, ctxt, instance, "none") == NetworkInfo()
    assert stub.requests == []


def test_a_second_call_adopts_the_ports_of_the_first(stub, api, ctxt, instance):
    net = stub.add_network()
    requested = [NetworkRequest(net), NetworkRequest(net, address="10.0.0.50")]
    first = allocate(api, ctxt, instance, requested)
    again = allocate(neutron.API(), ctxt, instance, requested)
    assert [vif.id for vif in again] == [vif.id for vif in first]
    assert len(stub.ports_of(instance.uuid)) == 2


def test_ports_are_adopted_and_bound_to_another_host(stub, api, ctxt, instance):
    net = stub.add_network()
    first = allocate(api, ctxt, instance, [NetworkRequest(net)], host="host1")
    second = allocate(api, ctxt, instance, [NetworkRequest(net)], host="host2")
    assert second[0].id == first[0].id
    assert stub.ports[first[0].id]["binding:host_id"] == "host2"


@pytest.mark.parametrize("fault", ["lost", "refused connection", (503, "x"), (500, "x")])
def test_a_post_with_a_lost_answer_makes_no_second_port(stub, api, ctxt, instance, fault):
    net = stub.add_network()
    stub.faults = [("POST", fault)]
    vifs = allocate(api, ctxt, instance, [NetworkRequest(net), NetworkRequest(net)])
    assert {vif.id for vif in vifs} == {port["id"] for port in stub.ports_of(instance.uuid)}
    assert len(vifs) == 2


def test_a_post_without_any_answer_fails_and_leaves_no_ports(stub, api, ctxt, instance):
    net = stub.add_network()
    stub.faults = [("POST", "refused connection")] * 4
    with pytest.raises(exception.NeutronConnectionFailed):
        allocate(api, ctxt, instance, [NetworkRequest(net)])
    assert stub.ports_of(instance.uuid) == []


def test_ports_of_a_late_request_are_deleted(stub, api, ctxt, instance):
    net = stub.add_network()
    stub.faults = [("POST", "late")]
    vifs = allocate(api, ctxt, instance, [NetworkRequest(net)])
    assert [port["id"] for port in stub.ports_of(instance.uuid)] == [vifs[0].id]


def test_a_users_port_is_bound_and_unbound_again(stub, api, ctxt, instance):
    net = stub.add_network()
    port = stub.add_port(net)
    vifs = allocate(api, ctxt, instance, [NetworkRequest(port_id=port["id"]), NetworkRequest(net)])
    assert [vif.preserve_on_delete for vif in vifs] == [True, False]
    assert port["device_id"] == instance.uuid
    api.deallocate_for_instance(ctxt, instance)
    assert list(stub.ports_of(instance.uuid)) == []
    assert port["id"] in stub.ports and vifs[1].id not in stub.ports
    assert (port["device_id"], port["binding:host_id"]) == ("", None)
    api.deallocate_for_instance(ctxt, instance)  # idempotent


def test_a_port_of_another_server_or_project_is_not_used(stub, api, ctxt, instance):
    net = stub.add_network()
    taken = stub.add_port(net, device_id="another-device")
    foreign = stub.add_port(net, project_id=OTHER_PROJECT)
    with pytest.raises(exception.PortInUse):
        allocate(api, ctxt, instance, [NetworkRequest(port_id=taken["id"])])
    with pytest.raises(exception.PortNotUsable):
        allocate(api, ctxt, instance, [NetworkRequest(port_id=foreign["id"])])
    assert taken["device_id"] == "another-device" and foreign["device_id"] == ""


def test_a_port_is_not_bound_if_another_server_binds_it_first(stub, api, ctxt, instance):
    """The other server binds it between the read and the update."""
    port = stub.add_port(stub.add_network())
    real = stub._serve

    def serve(method, path, query, headers, body):
        if method == "PUT":
            stub._serve = real
            port.update(device_id="another-device", revision_number=port["revision_number"] + 1)
        return real(method, path, query, headers, body)

    stub._serve = serve
    with pytest.raises(exception.PortInUse):
        allocate(api, ctxt, instance, [NetworkRequest(port_id=port["id"])])
    assert port["device_id"] == "another-device"


def test_a_put_with_a_lost_answer_is_retried(stub, api, ctxt, instance):
    port = stub.add_port(stub.add_network())
    stub.faults = [("PUT", "lost")]
    vifs = allocate(api, ctxt, instance, [NetworkRequest(port_id=port["id"])])
    assert vifs[0].type == "ovs" and port["device_id"] == instance.uuid


def test_a_failure_deletes_new_ports_and_unbinds_the_users_ports(stub, api, ctxt, instance):
    net = stub.add_network()
    port = stub.add_port(net)
    stub.failing_hosts = {"host1"}
    with pytest.raises(exception.PortBindingFailed):
        allocate(api, ctxt, instance, [NetworkRequest(net), NetworkRequest(port_id=port["id"])])
    assert stub.ports_of(instance.uuid) == [] and port["id"] in stub.ports


@pytest.mark.parametrize(
    ("status", "error_type", "error"),
    [
        (409, "OverQuota", exception.PortLimitExceeded),
        (409, "IpAddressGenerationFailure", exception.NoMoreFixedIps),
        (409, "IpAddressAlreadyAllocated", exception.FixedIpAlreadyInUse),
        (400, "InvalidIpForNetwork", exception.InvalidInput),
        (409, "SomethingNew", exception.NeutronRequestRefused),
    ],
)
def test_errors_of_neutron_are_translated(stub, api, ctxt, instance, status, error_type, error):
    net = stub.add_network()
    stub.faults = [("POST", (status, error_type))]
    with pytest.raises(error):
        allocate(api, ctxt, instance, [NetworkRequest(net, address="10.0.0.4")])


def test_security_groups_by_name_and_id(stub, api, ctxt, instance):
    net = stub.add_network()
    web, ssh = stub.add_security_group("web"), stub.add_security_group("ssh")
    stub.add_security_group("web", OTHER_PROJECT)
    vifs = allocate(api, ctxt, instance, [NetworkRequest(net)], groups=["web", ssh])
    assert stub.ports[vifs[0].id]["security_groups"] == [web, ssh]
    assert vifs[0].security_groups == ["web", "ssh"]
    with pytest.raises(exception.SecurityGroupNotFound):
        allocate(api, ctxt, instance, [NetworkRequest(net)], groups=["nope"])


def test_a_request_without_a_network_keeps_the_network_of_existing_ports(stub, api, ctxt, instance):
    net = stub.add_network()
    stub.add_network("foreign", OTHER_PROJECT)
    first = allocate(api, ctxt, instance, [])
    assert [vif.network.id for vif in first] == [net]
    stub.add_network("second")
    assert [vif.id for vif in allocate(api, ctxt, instance, [])] == [first[0].id]
    instance.uuid = "bbbbbbbb-0000-4000-8000-00000000000b"
    with pytest.raises(exception.NetworkAmbiguous):
        allocate(api, ctxt, instance, [])


def test_auto_creates_the_topology_when_there_is_no_network(stub, api, ctxt, instance):
    assert allocate(api, ctxt, instance, []) == NetworkInfo()
    with pytest.raises(exception.UnableToAutoAllocateNetwork):
        allocate(api, ctxt, instance, "auto")
    stub.auto_network = stub.add_network("auto", OTHER_PROJECT)
    vifs = allocate(api, ctxt, instance, "auto")
    assert [vif.network.label for vif in vifs] == ["auto"]


def test_attach_and_detach_one_interface(stub, api, ctxt, instance):
    net = stub.add_network()
    instance.network_info = allocate(api, ctxt, instance, [NetworkRequest(net)])
    vif = api.allocate_port_for_instance(ctxt, instance, NetworkRequest(net, tag="x"), "host1")
    assert vif.id != instance.network_info[0].id and vif.tag == "x"
    again = api.allocate_port_for_instance(ctxt, instance, NetworkRequest(net), "host1")
    assert again.id == vif.id  # the first attempt died before it stored the port
    api.deallocate_port_for_instance(ctxt, instance, vif.id)
    assert [port["id"] for port in stub.ports_of(instance.uuid)] == [instance.network_info[0].id]


def test_a_failed_attach_leaves_the_other_interfaces(stub, api, ctxt, instance):
    net = stub.add_network()
    instance.network_info = allocate(api, ctxt, instance, [NetworkRequest(net)])
    stub.failing_hosts = {"host1"}
    with pytest.raises(exception.PortBindingFailed):
        api.allocate_port_for_instance(ctxt, instance, NetworkRequest(net), "host1")
    assert [port["id"] for port in stub.ports_of(instance.uuid)] == [instance.network_info[0].id]


def test_detach_does_not_change_a_port_of_another_server(stub, api, ctxt, instance):
    port = stub.add_port(stub.add_network(), device_id="another-device")
    api.deallocate_port_for_instance(ctxt, instance, port["id"])
    assert port["device_id"] == "another-device"


def test_ports_with_resource_requests_are_deleted_again(stub, api, ctxt, instance, monkeypatch):
    """A new port gets the minimum bandwidth of its network's QoS policy."""
    net = stub.add_network()
    make = stub._make_port
    request = {"resources": {"NET_BW_EGR_KILOBIT_PER_SEC": 1000}, "required": []}
    monkeypatch.setattr(stub, "_make_port", lambda b: make({**b, "resource_request": request}))
    with pytest.raises(exception.PortResourceRequestNotSupported):
        allocate(api, ctxt, instance, [NetworkRequest(net)])
    assert stub.ports_of(instance.uuid) == []
