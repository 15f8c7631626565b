"""``/os-floating-ips``, ``/os-floating-ip-pools``, and the actions of servers for addresses."""

import pytest

UUID = "e8debdc0-447a-4376-a10a-4cd9122d7986"
PATH = "/os-floating-ips"


@pytest.fixture
def pool(neutron):
    neutron.add_network("private", "project")
    neutron.add_network("nova", "admin", **{"router:external": True})
    return neutron.add_network("other", "admin", **{"router:external": True})


def test_pools_are_external_networks(api, neutron, pool):
    neutron.networks[pool]["name"] = ""
    pools = api.get("/os-floating-ip-pools").json["floating_ip_pools"]
    assert pools == [{"name": "nova"}, {"name": pool}]


def test_allocate_show_and_release(api, neutron, pool):
    made = api.post(PATH, {"pool": "other"})
    assert made.status_int == 200, made.text
    floating = made.json["floating_ip"]
    assert floating == {
        "id": floating["id"],
        "ip": "192.0.2.1",
        "fixed_ip": None,
        "instance_id": None,
        "pool": "other",
    }
    assert api.get(f"{PATH}/{floating['id']}").json == made.json
    assert api.get(PATH).json == {"floating_ips": [floating]}
    assert api.get(PATH, token="user:another").json == {"floating_ips": []}
    assert api.delete(f"{PATH}/{floating['id']}").status_int == 202
    assert not neutron.floatingips
    assert api.delete(f"{PATH}/{floating['id']}").status_int == 404
    assert api.get(f"{PATH}/{floating['id']}").status_int == 404


@pytest.mark.parametrize("body", [None, {}, {"pool": None}])
def test_default_pool(api, pool, body):
    assert api.post(PATH, body).json["floating_ip"]["pool"] == "nova"


def test_pool_by_id_and_unknown_pool(api, neutron, pool):
    assert api.post(PATH, {"pool": pool}).json["floating_ip"]["pool"] == "other"
    assert api.post(PATH, {"pool": "private"}).status_int == 404
    assert api.post(PATH, {"pool": 7}).status_int == 400
    neutron.networks[pool]["name"] = "nova"
    assert api.post(PATH).status_int == 409


@pytest.mark.parametrize(
    ("refusal", "status"),
    [((409, "OverQuota"), 403), ((409, "IpAddressGenerationFailure"), 404), ((400, "Bad"), 400)],
)
def test_refused_allocation(api, neutron, pool, refusal, status):
    neutron.faults = [("POST", refusal)]
    assert api.post(PATH, {"pool": "other"}).status_int == status


# -- actions of servers --------------------------------------------------------------------------


@pytest.fixture
def server(cloud, neutron, pool):
    """A server with a port, and a floating IP: (server, port, address)."""
    server_id = cloud.boot()
    (private,) = [n["id"] for n in neutron.networks.values() if n["name"] == "private"]
    port = neutron.add_port(private, device_id=server_id)
    return server_id, port, cloud.api.post(PATH).json["floating_ip"]["ip"]


def act(cloud, server_id, action, version="2.43", **arguments):
    return cloud.act(server_id, action, arguments, version=version)


def refreshes(cloud) -> int:
    return cloud.bus.methods().count("external_instance_event")


def test_associate_and_disassociate(cloud, neutron, server):
    server_id, port, address = server
    added = act(cloud, server_id, "addFloatingIp", address=address)
    assert (added.status_int, added.body) == (202, b"")
    (floating,) = neutron.floatingips.values()
    fixed = port["fixed_ips"][0]["ip_address"]
    assert (floating["port_id"], floating["fixed_ip_address"]) == (port["id"], fixed)
    (listed,) = cloud.api.get(PATH).json["floating_ips"]
    assert (listed["instance_id"], listed["fixed_ip"]) == (server_id, fixed)
    assert act(cloud, server_id, "removeFloatingIp", address=address).status_int == 202
    assert floating["port_id"] is None
    assert refreshes(cloud) == 2
    assert act(cloud, server_id, "removeFloatingIp", address=address).status_int == 409


def test_fixed_address_of_choice(cloud, neutron, server):
    server_id, port, address = server
    second = neutron.add_port(port["network_id"], device_id=server_id)
    fixed = second["fixed_ips"][0]["ip_address"]
    assert (
        act(cloud, server_id, "addFloatingIp", address=address, fixed_address=fixed).status_int
        == 202
    )
    (floating,) = neutron.floatingips.values()
    assert floating["port_id"] == second["id"]


def test_refused_associations(cloud, neutron, server):
    server_id, port, address = server
    assert act(cloud, server_id, "addFloatingIp", address="203.0.113.9").status_int == 404
    assert act(cloud, server_id, "removeFloatingIp", address="203.0.113.9").status_int == 404
    neutron.faults = [("PUT", (409, "FloatingIPPortAlreadyAssociated"))]
    assert act(cloud, server_id, "addFloatingIp", address=address).status_int == 400
    foreign = {"address": address, "fixed_address": "203.0.113.9"}
    assert act(cloud, server_id, "addFloatingIp", **foreign).status_int == 400
    assert act(cloud, server_id, "addFloatingIp", address="nowhere").status_int == 400
    port["fixed_ips"][0]["ip_address"] = "fd00::5"
    assert act(cloud, server_id, "addFloatingIp", address=address).status_int == 400
    neutron.ports.clear()
    assert act(cloud, server_id, "addFloatingIp", address=address).status_int == 400
    assert refreshes(cloud) == 0


def test_add_and_remove_fixed_ip(cloud, server):
    server_id, port, _ = server
    assert act(cloud, server_id, "addFixedIp", networkId=port["network_id"]).status_int == 202
    first, second = (ip["ip_address"] for ip in port["fixed_ips"])
    assert first != second
    assert act(cloud, server_id, "removeFixedIp", address=first).status_int == 202
    assert [ip["ip_address"] for ip in port["fixed_ips"]] == [second]
    assert refreshes(cloud) == 2


def test_refused_fixed_ips(cloud, neutron, server):
    server_id, port, _ = server
    assert act(cloud, server_id, "addFixedIp", networkId=UUID).status_int == 404
    assert act(cloud, server_id, "removeFixedIp", address="203.0.113.9").status_int == 400
    neutron.faults = [("PUT", (409, "IpAddressGenerationFailure"))]
    full = act(cloud, server_id, "addFixedIp", networkId=port["network_id"])
    assert full.status_int == 400
    assert "No fixed IP addresses available" in full.json["badRequest"]["message"]
    neutron.faults = [("PUT", (412, "RevisionNumberConstraintFailed"))]
    changed = act(cloud, server_id, "addFixedIp", networkId=port["network_id"])
    assert changed.status_int == 409
    assert len(port["fixed_ips"]) == 1


def test_fixed_ips_of_a_server_that_is_busy(cloud, server):
    server_id, port, _ = server
    cloud.set(server_id, task_state="rebuilding")
    busy = act(cloud, server_id, "addFixedIp", networkId=port["network_id"])
    assert busy.status_int == 409
    assert len(port["fixed_ips"]) == 1


ACTIONS = {
    "addFixedIp": {"networkId": UUID},
    "removeFixedIp": {"address": "192.0.2.1"},
    "addFloatingIp": {"address": "192.0.2.1"},
    "removeFloatingIp": {"address": "192.0.2.1"},
}


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_ended_in_2_44(cloud, server, action):
    server_id = server[0]
    gone = act(cloud, server_id, action, "2.44", **ACTIONS[action])
    assert "API version 2.44" in gone.json["itemNotFound"]["message"]
    served = act(cloud, server_id, action, "2.43", **ACTIONS[action])
    assert "API version" not in served.text


@pytest.mark.parametrize("action", ACTIONS)
def test_server_of_another_project(cloud, server, action):
    body = {action: ACTIONS[action]}
    path = f"/servers/{server[0]}/action"
    refused = cloud.api.post(path, body, token="user:other")
    assert refused.status_int == 404
    assert server[0] in refused.json["itemNotFound"]["message"]
