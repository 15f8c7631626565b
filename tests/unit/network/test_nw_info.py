"""The info cache is complete and in order, and is refreshed with few requests."""

from nova_mini.objects.network_model import NetworkInfo, NetworkRequest


def test_a_refresh_keeps_order_and_tags_and_reads_changes(stub, api, ctxt, instance):
    one, two = stub.add_network("one"), stub.add_network("two", cidr="10.2.0.0/24")
    instance.network_info = api.allocate_for_instance(
        ctxt, instance, [NetworkRequest(two, tag="lan"), NetworkRequest(one)], [], "host1"
    )
    stub.ports = dict(reversed(stub.ports.items()))
    port = stub.ports[instance.network_info[0].id]
    port["status"] = "ACTIVE"
    address = port["fixed_ips"][0]["ip_address"]
    stub.floatingips["f"] = {
        "id": "f",
        "port_id": port["id"],
        "fixed_ip_address": address,
        "floating_ip_address": "203.0.113.9",
    }
    stub.networks[two]["mtu"] = 1500
    stub.requests.clear()
    vifs = api.get_instance_nw_info(ctxt, instance)
    assert [vif.network.label for vif in vifs] == ["two", "one"]
    assert [vif.tag for vif in vifs] == ["lan", None]
    assert vifs[0].active and not vifs[1].active
    assert vifs[0].floating_ips() == ["203.0.113.9"] and vifs[0].network.mtu == 1500
    assert len(stub.requests) == 6
    assert NetworkInfo.from_json(vifs.to_json()) == vifs


def test_a_network_is_read_once_for_many_servers(stub, api, ctxt, instance):
    net = stub.add_network()
    for number in range(5):
        instance.uuid = f"aaaaaaaa-0000-4000-8000-00000000000{number}"
        api.allocate_for_instance(ctxt, instance, [NetworkRequest(net)], [], "host1")
    assert stub.count("GET", "/networks") == 1 and stub.count("GET", "/subnets") == 1


def test_a_new_subnet_of_a_cached_network_is_read(stub, api, ctxt, instance):
    net = stub.add_network()
    api.allocate_for_instance(ctxt, instance, [NetworkRequest(net)], [], "host1")
    (old,) = stub.networks[net]["subnets"]
    stub.subnets["new"] = {**stub.subnets.pop(old), "id": "new", "cidr": "10.7.0.0/24"}
    stub.networks[net]["subnets"] = ["new"]
    instance.uuid = "bbbbbbbb-0000-4000-8000-00000000000b"
    vifs = api.allocate_for_instance(ctxt, instance, [NetworkRequest(net)], [], "host1")
    assert vifs[0].network.subnets[0].cidr == "10.7.0.0/24"


def test_a_server_without_ports_needs_one_request(stub, api, ctxt, instance):
    assert api.get_instance_nw_info(ctxt, instance) == NetworkInfo()
    assert len(stub.requests) == 1


def test_ports_are_bound_to_another_host_and_deallocated_by_device(stub, api, ctxt, instance):
    net = stub.add_network()
    (vif,) = api.allocate_for_instance(ctxt, instance, [NetworkRequest(net)], [], "host1")
    assert [port["device_id"] for port in api.list_ports_on_host(ctxt, "host1")] == [instance.uuid]
    api.setup_instance_network_on_host(ctxt, instance, "host2")
    assert api.list_ports_on_host(ctxt, "host1") == []
    assert stub.ports[vif.id]["binding:host_id"] == "host2"
    stub.requests.clear()
    api.setup_instance_network_on_host(ctxt, instance, "host2")
    assert stub.count("PUT") == 0
    api.deallocate_device(ctxt, instance.uuid)
    assert api.list_ports_on_host(ctxt, "host2") == []


def test_unbound_ports_stay_with_their_server_and_can_be_bound_again(stub, api, ctxt, instance):
    """Both a port that nova_mini created and a user's port."""
    net = stub.add_network()
    users_port = stub.add_port(net)["id"]
    requested = [NetworkRequest(net), NetworkRequest(net, port_id=users_port)]
    vifs = api.allocate_for_instance(ctxt, instance, requested, [], "host1")
    api.cleanup_instance_network_on_host(ctxt, instance, "host2")  # not their host
    assert {port["id"] for port in api.list_ports_on_host(ctxt, "host1")} == {v.id for v in vifs}
    stub.faults = [("PUT", "lost"), ("PUT", (412, "RevisionNumberConstraintFailed"))]
    for _ in range(2):
        api.cleanup_instance_network_on_host(ctxt, instance, "host1")
    for port in stub.ports_of(instance.uuid):
        assert (port["binding:host_id"], port["binding:vif_type"]) == ("", "unbound")
        assert port["device_owner"] == "compute:az1"
    assert len(stub.ports_of(instance.uuid)) == 2
    instance.network_info = vifs
    unbound = api.get_instance_nw_info(ctxt, instance)
    assert [vif.id for vif in unbound] == [vif.id for vif in vifs]
    assert [vif.fixed_ips() for vif in unbound] == [vif.fixed_ips() for vif in vifs]
    api.setup_instance_network_on_host(ctxt, instance, "host2")
    assert len(api.list_ports_on_host(ctxt, "host2")) == 2


def test_a_neutron_without_routers_has_no_floating_ips(stub, api, ctxt, instance):
    net = stub.add_network()
    api.allocate_for_instance(ctxt, instance, [NetworkRequest(net)], [], "host1")
    real = stub._serve
    stub._serve = lambda method, path, *rest: (
        stub._error(404, "HTTPNotFound") if "floatingips" in path else real(method, path, *rest)
    )
    assert api.get_instance_nw_info(ctxt, instance)[0].floating_ips() == []


def test_long_lists_of_ids_are_split_and_empty_lists_send_no_request(stub, ctxt):
    from nova_mini.network.neutron.client import NeutronClient

    client = NeutronClient(ctxt)
    assert client.list("networks", id=[]) == [] and stub.requests == []
    ids = [stub.add_network(str(number)) for number in range(250)]
    assert len(client.list("networks", id=ids)) == 250
    assert len(stub.requests) == 3
