"""The network model is converted to JSON and back, also between two releases."""

import json

from nova_mini.objects import network_model
from nova_mini.objects.network_model import (
    VIF,
    FixedIP,
    Network,
    NetworkInfo,
    NetworkRequest,
    Subnet,
)


def vif(**fields):
    subnet = Subnet("10.0.0.0/24", ips=[FixedIP("10.0.0.5", floating_ips=["203.0.113.9"])])
    network = Network("net", "private", subnets=[subnet])
    return VIF("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "fa:16:3e:00:00:01", network, **fields)


def test_network_info_survives_json():
    info = NetworkInfo([vif(type="ovs", details={"ovs_hybrid_plug": True}, tag="x", active=True)])
    back = NetworkInfo.from_json(info.to_json())
    assert back == info and isinstance(back, NetworkInfo)
    assert back.fixed_ips()[0].floating_ips == ["203.0.113.9"]
    assert NetworkInfo.from_json(None) == NetworkInfo.from_json("[]") == NetworkInfo()


def test_unknown_fields_are_ignored_and_missing_ones_get_defaults():
    data = json.loads(NetworkInfo([vif()]).to_json())
    data[0]["from_the_future"] = 1
    data[0]["network"]["from_the_future"] = 1
    del data[0]["tag"]
    assert NetworkInfo.from_json(json.dumps(data)) == NetworkInfo([vif()])


def test_properties_of_a_vif():
    plain = vif()
    assert plain.devname == "tap0a1b2c3d-4e" and len(plain.devname) == 14
    assert plain.ovs_interfaceid == plain.id
    assert (plain.hybrid_plug, plain.port_filter) == (False, False)
    filtered = vif(details={"ovs_hybrid_plug": True, "port_filter": True})
    assert (filtered.hybrid_plug, filtered.port_filter) == (True, True)
    assert NetworkInfo([plain]).get(plain.id) is plain
    assert NetworkInfo([plain]).get("other") is None


def test_requests_survive_json():
    named = [NetworkRequest("net", address="10.0.0.5", tag="x"), NetworkRequest(port_id="p")]
    for requested in (named, [], "auto", "none"):
        sent = json.loads(json.dumps(network_model.requests_to_primitive(requested)))
        assert network_model.requests_from_primitive(sent) == requested
