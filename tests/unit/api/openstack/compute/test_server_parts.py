"""A server's metadata, tags and interfaces."""

import json
import uuid

import pytest

from nova_mini import db, exception
from nova_mini.conf import CONF
from tests.unit import rest_server
from tests.unit.api.openstack.compute.conftest import HOST
from tests.unit.api.openstack.compute.test_server_show import NETWORK_INFO
from tests.unit.network.stub_neutron import StubNeutron

# -- metadata ------------------------------------------------------------------------------------


@pytest.fixture
def server_id(cloud):
    return cloud.boot(metadata={"a": "1", "b": "2"})


def metadata(cloud, server_id) -> dict:
    return cloud.api.get(f"/servers/{server_id}/metadata").json["metadata"]


def test_server_metadata(cloud, server_id):
    path = f"/servers/{server_id}/metadata"
    assert metadata(cloud, server_id) == {"a": "1", "b": "2"}
    response = cloud.api.post(path, {"metadata": {"b": "3", "c": "4"}})
    assert response.json == {"metadata": {"a": "1", "b": "3", "c": "4"}}
    assert cloud.api.put(f"{path}/a", {"meta": {"a": "9"}}).json == {"meta": {"a": "9"}}
    assert cloud.api.get(f"{path}/a").json == {"meta": {"a": "9"}}
    assert cloud.api.delete(f"{path}/b").status_int == 204
    assert metadata(cloud, server_id) == {"a": "9", "c": "4"}
    assert cloud.api.put(path, {"metadata": {"z": "0"}}).json == {"metadata": {"z": "0"}}
    assert metadata(cloud, server_id) == {"z": "0"}
    shown = cloud.api.get(f"/servers/{server_id}").json["server"]
    assert shown["metadata"] == {"z": "0"}


def test_invalid_metadata_is_refused(cloud, server_id):
    path = f"/servers/{server_id}/metadata"
    assert cloud.api.get(f"{path}/no").status_int == 404
    assert cloud.api.delete(f"{path}/no").status_int == 404
    assert cloud.api.put(f"{path}/a", {"meta": {"b": "1"}}).status_int == 400
    assert cloud.api.put(f"{path}/a", {"meta": {"a": "1", "b": "1"}}).status_int == 400
    assert cloud.api.post(path, {"metadata": {"k": 1}}).status_int == 400
    assert cloud.api.post(path, {"metadata": {"k" * 256: "v"}}).status_int == 400
    assert metadata(cloud, server_id) == {"a": "1", "b": "2"}


def test_metadata_quota(cloud, server_id):
    CONF.set_override("metadata_items", 3, group="quota")
    try:
        path = f"/servers/{server_id}/metadata"
        assert cloud.api.post(path, {"metadata": {"c": "3", "d": "4"}}).status_int == 403
        assert cloud.api.post(path, {"metadata": {"b": "5", "c": "3"}}).status_int == 200
        assert cloud.api.put(f"{path}/e", {"meta": {"e": "1"}}).status_int == 403
    finally:
        CONF.clear_override("metadata_items", group="quota")


def test_metadata_update_in_wrong_state_is_409(cloud, server_id):
    path = f"/servers/{server_id}/metadata"
    cloud.set(server_id, vm_state="error")
    assert cloud.api.post(path, {"metadata": {"c": "3"}}).status_int == 409
    assert cloud.api.delete(f"{path}/a").status_int == 409
    cloud.set(server_id, vm_state="active", task_state="rebooting")
    assert cloud.api.delete(f"{path}/a").status_int == 204


# -- tags ----------------------------------------------------------------------------------------


def test_server_tags(cloud, server_id):
    path = f"/servers/{server_id}/tags"

    def ask(method, tail="", body=None):
        return cloud.api.request(method, path + tail, body, version="2.26")

    assert ask("GET").json == {"tags": []}
    assert ask("PUT", body={"tags": ["b", "a"]}).json == {"tags": ["a", "b"]}
    added = ask("PUT", "/c")
    assert added.status_int == 201
    assert added.headers["Location"].endswith(f"{path}/c")
    assert ask("PUT", "/c").status_int == 204
    assert ask("GET", "/c").status_int == 204
    assert ask("DELETE", "/a").status_int == 204
    assert ask("GET", "/a").status_int == 404
    assert ask("DELETE", "/a").status_int == 404
    assert ask("GET").json == {"tags": ["b", "c"]}
    assert ask("DELETE").status_int == 204
    assert ask("GET").json == {"tags": []}


@pytest.mark.parametrize(
    ("method", "tail", "body", "action"),
    [
        ("PUT", "", {"tags": ["b"]}, "update tags"),
        ("PUT", "/b", None, "update tag"),
        ("DELETE", "", None, "delete tags"),
        ("DELETE", "/a", None, "delete tag"),
    ],
)
def test_tags_change_in_some_states_only(cloud, server_id, method, tail, body, action):
    path = f"/servers/{server_id}/tags"

    def ask(method, tail="", body=None):
        return cloud.api.request(method, path + tail, body, version="2.26")

    for vm_state in ("building", "error", "shelved", "shelved_offloaded", "resized", "rescued"):
        cloud.set(server_id, vm_state="active")
        ask("PUT", body={"tags": ["a"]})
        cloud.set(server_id, vm_state=vm_state, task_state=None)
        refused = ask(method, tail, body)
        assert refused.status_int == 409
        assert f"'{action}'" in refused.text and f"vm_state {vm_state}" in refused.text
        assert ask("GET").json == {"tags": ["a"]}
    for vm_state in ("active", "paused", "suspended", "stopped"):
        cloud.set(server_id, vm_state="active", task_state=None, locked=True)
        ask("PUT", body={"tags": ["a"]})
        cloud.set(server_id, vm_state=vm_state, task_state="rebooting")
        assert ask(method, tail, body).status_int in (200, 201, 204)
        assert ask("GET").json != {"tags": ["a"]}


def test_invalid_tags_are_refused(cloud, server_id):
    path = f"/servers/{server_id}/tags"
    for tags in (["a", "a"], ["a,b"], [""], ["x" * 61], [str(n) for n in range(51)], "a"):
        assert cloud.api.put(path, {"tags": tags}, version="2.26").status_int == 400, tags
    assert cloud.api.put(f"{path}/a,b", version="2.26").status_int == 400
    assert cloud.api.get(path, version="2.25").status_int == 404
    full = [str(n) for n in range(50)]
    assert cloud.api.put(path, {"tags": full}, version="2.26").status_int == 200
    assert cloud.api.put(f"{path}/more", version="2.26").status_int == 400


# -- interfaces ----------------------------------------------------------------------------------

VIEW = {
    "net_id": "n1",
    "port_id": "p1",
    "mac_addr": "fa:16:3e:00:00:01",
    "port_state": "ACTIVE",
    "fixed_ips": [
        {"subnet_id": "s1", "ip_address": "10.0.0.5"},
        {"subnet_id": "s2", "ip_address": "fd00::5"},
    ],
}


@pytest.fixture
def with_nic(cloud, server_id):
    cloud.set(server_id, network_info=NETWORK_INFO.to_json())
    return server_id


@pytest.fixture
def neutron():
    stub = StubNeutron()
    with rest_server.serving("neutron", stub.respond):
        yield stub


def test_list_and_show_interfaces(cloud, with_nic):
    path = f"/servers/{with_nic}/os-interface"
    assert cloud.api.get(path).json == {"interfaceAttachments": [VIEW]}
    assert cloud.api.get(f"{path}/p1").json == {"interfaceAttachment": VIEW}
    tagged = cloud.api.get(f"{path}/p1", version="2.70").json["interfaceAttachment"]
    assert tagged == {**VIEW, "tag": "nic"}
    assert cloud.api.get(f"{path}/p2").status_int == 404


def test_attach_interface(cloud, server_id, neutron):
    net_id = neutron.add_network(project_id="project")
    (vif,) = json.loads(NETWORK_INFO.to_json())
    cloud.bus.responses["attach_interface"] = vif
    body = {"net_id": net_id, "fixed_ips": [{"ip_address": "10.0.0.5"}], "tag": "nic"}
    response = cloud.api.post(
        f"/servers/{server_id}/os-interface", {"interfaceAttachment": body}, version="2.49"
    )
    assert response.status_int == 200, response.text
    assert response.json == {"interfaceAttachment": VIEW}
    begun = cloud.action(server_id)
    assert begun["args"] == {"network_id": net_id, "fixed_ip": "10.0.0.5", "tag": "nic"}
    assert cloud.bus.sent == [
        (
            "compute",
            HOST,
            "attach_interface",
            {"instance_uuid": server_id, "action_id": begun["id"]},
        )
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exception.PortInUse(port_id="p"), 409),
        (exception.FixedIpAlreadyInUse(address="10.0.0.5", instance_uuid="x"), 409),
        (exception.PortBindingFailed(port_id="p"), 400),
        (exception.InterfaceAttachFailed(instance_uuid="x"), 400),
        (None, 503),
    ],
)
def test_errors_of_attach_interface(cloud, server_id, neutron, error, code):
    net_id = neutron.add_network(project_id="project")
    cloud.bus.responses["attach_interface"] = error
    body = {"interfaceAttachment": {"net_id": net_id}}
    assert cloud.api.post(f"/servers/{server_id}/os-interface", body).status_int == code


def test_invalid_attach_interface_is_refused(cloud, server_id, neutron):
    some = str(uuid.uuid4())
    for body, code in (
        ({"net_id": some, "port_id": some}, 400),
        ({"fixed_ips": [{"ip_address": "10.0.0.5"}]}, 400),
        ({"net_id": "x"}, 400),
        ({"net_id": some}, 404),
        ({"port_id": some}, 404),
        ({"net_id": some, "tag": "t"}, 400),
    ):
        response = cloud.api.post(
            f"/servers/{server_id}/os-interface", {"interfaceAttachment": body}, version="2.48"
        )
        assert response.status_int == code, (body, response.text)
    assert cloud.bus.sent == []


def test_detach_interface(cloud, with_nic):
    path = f"/servers/{with_nic}/os-interface"
    assert cloud.api.delete(f"{path}/p2").status_int == 404
    assert cloud.api.delete(f"{path}/p1").status_int == 202
    begun = cloud.action(with_nic)
    assert (begun["action"], begun["args"]) == ("detach_interface", {"port_id": "p1"})
    assert cloud.bus.methods() == ["detach_interface"]
    assert cloud.row(with_nic)["task_state"] is None
    assert db.actions.get(begun["id"])["finish_time"] is None


# -- networks at create --------------------------------------------------------------------------


def test_requested_networks(cloud, neutron):
    net_id = neutron.add_network(project_id="project")
    networks = [{"uuid": net_id, "fixed_ip": "10.0.0.7", "tag": "nic"}]
    server_id = cloud.boot(networks=networks, security_groups=[{"name": "default"}])
    made = db.actions.first_of([server_id])[0]
    assert made["args"] is None, "erased when it was done"
    response = cloud.api.post("/servers", cloud.body(networks=networks), version="2.96")
    args = cloud.action(response.json["server"]["id"])["args"]
    assert args["requested_networks"] == [
        {"network_id": net_id, "port_id": None, "address": "10.0.0.7", "tag": "nic"}
    ]


def test_invalid_networks_are_refused(cloud, neutron):
    some = str(uuid.uuid4())
    for fields, code in (
        ({"networks": [{"uuid": some}]}, 400),
        ({"networks": [{"port": some}]}, 400),
        ({"networks": [{"port": some}, {"port": some}]}, 400),
        ({"networks": [{"port": some, "fixed_ip": "10.0.0.1"}]}, 400),
        ({"networks": [{"port": some}], "max_count": 2}, 400),
        ({"networks": "none", "security_groups": [{"name": "nogroup"}]}, 400),
    ):
        response = cloud.api.post("/servers", cloud.body(**fields), version="2.96")
        assert response.status_int == code, (fields, response.text)
    for name in ("one", "two"):
        neutron.add_network(name, project_id="project")
    assert cloud.api.post("/servers", cloud.body(networks=[]), version="2.96").status_int == 409


@pytest.mark.parametrize("version", ["2.71", "2.72", "2.96"])
def test_ports_with_resource_request(cloud, server_id, neutron, version):
    net_id = neutron.add_network(project_id="project")
    resources = {"resources": {"NET_BW_EGR_KILOBIT_PER_SEC": 1000}, "required": []}
    port = neutron.add_port(net_id, project_id="project", resource_request=resources)["id"]
    body = cloud.body(networks=[{"port": port}])
    path = f"/servers/{server_id}/os-interface"
    attach = {"interfaceAttachment": {"port_id": port}}
    for response in (
        cloud.api.post("/servers", body, version=version),
        cloud.api.post(path, attach, version=version),
    ):
        assert response.status_int == 400
        assert "resource request" in response.json["badRequest"]["message"]
    assert cloud.bus.sent == []


# -- security groups -----------------------------------------------------------------------------


def test_add_and_remove_security_group(cloud, server_id, neutron):
    web = neutron.add_security_group("web", project_id="project")
    (default,) = (g for g in neutron.security_groups if g != web)
    net_id = neutron.add_network(project_id="project")
    ports = [
        neutron.add_port(net_id, device_id=server_id, security_groups=[default]) for _ in range(2)
    ]
    for _ in range(2):
        assert cloud.act(server_id, "addSecurityGroup", {"name": "web"}).status_int == 202
    assert [port["security_groups"] for port in ports] == [[default, web]] * 2
    assert cloud.bus.sent[0] == (
        "compute",
        HOST,
        "external_instance_event",
        {"events": [{"name": "network-changed", "server_uuid": server_id, "status": "completed"}]},
    )
    assert cloud.act(server_id, "removeSecurityGroup", {"name": web}).status_int == 202
    assert [port["security_groups"] for port in ports] == [[default]] * 2
    for action in ("addSecurityGroup", "removeSecurityGroup"):
        assert cloud.act(server_id, action, {"name": "nogroup"}).status_int == 404
    assert cloud.act(server_id, "removeSecurityGroup", {"name": "web"}).status_int == 404
    cloud.set(server_id, locked=True)
    assert cloud.act(server_id, "addSecurityGroup", {"name": "web"}).status_int == 409


def _groups(cloud, server_id):
    response = cloud.api.get(f"/servers/{server_id}/os-security-groups")
    assert response.status_int == 200, response.text
    return response.json["security_groups"]


def test_list_security_groups_of_a_server(cloud, server_id, neutron):
    web = neutron.add_security_group("web", project_id="project")
    office = neutron.add_security_group("office", project_id="project")
    http = neutron.add_rule(web, protocol="tcp", port_range_min=80, port_range_max=80)
    ours = neutron.add_rule(web, protocol="udp", remote_group_id=office)
    ping = neutron.add_rule(web, protocol="icmp", remote_ip_prefix="10.0.0.0/8")
    every = neutron.add_rule(web, remote_group_id=web)
    neutron.add_rule(web, direction="egress")
    neutron.add_rule(web, remote_group_id=str(uuid.uuid4()))  # of a group that is gone
    assert _groups(cloud, server_id) == []
    net_id = neutron.add_network(project_id="project")
    for _ in range(2):
        neutron.add_port(net_id, device_id=server_id, security_groups=[web])
    neutron.requests.clear()
    (group,) = _groups(cloud, server_id)
    rules = group.pop("rules")
    assert group == {
        "id": web,
        "name": "web",
        "description": "web!",
        "tenant_id": "project",
    }

    def rule(rule_id, protocol, ports, group=None, cidr=None):
        return {
            "id": rule_id,
            "parent_group_id": web,
            "ip_protocol": protocol,
            "from_port": ports[0],
            "to_port": ports[1],
            "ip_range": {"cidr": cidr} if cidr else {},
            "group": {"name": group, "tenant_id": "project"} if group else {},
        }

    assert rules == [
        rule(http, "tcp", (80, 80), cidr="0.0.0.0/0"),
        rule(ours, "udp", (1, 65535), group="office"),
        rule(ping, "icmp", (-1, -1), cidr="10.0.0.0/8"),
        rule(every, None, (None, None), group="web"),
    ]
    assert len(neutron.requests) == 3  # the ports, their groups, the groups that rules name


def test_security_groups_of_another_projects_server_and_without_network(cloud, server_id):
    assert _groups(cloud, server_id) == []
    path = f"/servers/{server_id}/os-security-groups"
    assert cloud.api.get(path, token="user:other").status_int == 404
    assert cloud.api.get(f"/servers/{uuid.uuid4()}/os-security-groups").status_int == 404


def test_changed_security_groups_are_shown_at_once(cloud, server_id, neutron):
    neutron.add_security_group("web", project_id="project")
    (default,) = (g for g in neutron.security_groups if neutron.security_groups[g]["name"] != "web")
    port = neutron.add_port(
        neutron.add_network(project_id="project"), device_id=server_id, security_groups=[default]
    )
    known = [{**NETWORK_INFO[0].to_dict(), "id": port["id"]}]
    cloud.set(server_id, network_info=json.dumps(known))

    def shown() -> list[str]:
        server = cloud.api.get(f"/servers/{server_id}").json["server"]
        return [group["name"] for group in server["security_groups"]]

    cloud.act(server_id, "addSecurityGroup", {"name": "web"})
    assert shown() == ["default", "web"]
    cloud.act(server_id, "removeSecurityGroup", {"name": "web"})
    assert shown() == ["default"]
    (vif,) = json.loads(cloud.row(server_id)["network_info"])
    assert {**known[0], "security_groups": ["default"]} == vif


def test_security_group_needs_port_security(cloud, server_id, neutron):
    neutron.add_security_group("web", project_id="project")
    net_id = neutron.add_network(project_id="project")
    neutron.add_port(net_id, device_id=server_id, port_security_enabled=False)
    assert cloud.act(server_id, "addSecurityGroup", {"name": "web"}).status_int == 400


def test_requests_without_a_network_service(cloud, server_id):
    for fields in (
        {"networks": "auto"},
        {"networks": [{"uuid": str(uuid.uuid4())}]},
        {"security_groups": [{"name": "web"}]},
    ):
        response = cloud.api.post("/servers", cloud.body(**fields), version="2.96")
        assert response.status_int == 400, response.text
        assert "no network service" in response.json["badRequest"]["message"]
    assert cloud.api.post("/servers", cloud.body(networks=[]), version="2.96").status_int == 202
    assert cloud.api.post(f"/servers/{server_id}/os-interface", {}).status_int == 400
