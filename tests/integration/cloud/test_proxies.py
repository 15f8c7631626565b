"""Requests of old clients (2.1 to 2.43) that are passed on to Glance, Neutron and Cinder."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.harness.waiting import until

OLD = {"OpenStack-API-Version": "compute 2.1"}
SECONDS = 60


@pytest.fixture
def ask(cloud):
    """A function that sends a request of the oldest version, and returns the answer."""

    def send(method: str, path: str, body: Any = None, expect: int = 200) -> dict:
        answer = cloud.user.request(method, path, body, headers=OLD)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    return send


def test_images_of_glance(cloud, ask):
    image_id = cloud.image("mini-qcow2")
    listed = {each["id"]: each["name"] for each in ask("GET", "/images")["images"]}
    assert listed[image_id] == "mini-qcow2"
    shown = ask("GET", f"/images/{image_id}")["image"]
    real = cloud.of_user.image.get_image(image_id)
    assert (shown["status"], shown["OS-EXT-IMG-SIZE:size"]) == ("ACTIVE", real.size)


def test_metadata_of_an_image_of_glance(cloud, ask):
    made = cloud.of_user.image.create_image(
        "it-proxy", data=b"data", disk_format="raw", container_format="bare", wait=True
    )
    path = f"/images/{made.id}"
    ask("POST", f"{path}/metadata", {"metadata": {"colour": "red"}})
    assert ask("GET", f"{path}/metadata/colour") == {"meta": {"colour": "red"}}
    assert cloud.of_user.image.get_image(made.id).properties["colour"] == "red"
    ask("DELETE", f"{path}/metadata/colour", expect=204)
    assert "colour" not in cloud.of_user.image.get_image(made.id).properties
    ask("DELETE", path, expect=204)
    assert cloud.of_user.image.find_image(made.id) is None


def test_networks_of_neutron(cloud, ask):
    private = cloud.network("private")
    for path in ("/os-networks", "/os-tenant-networks"):
        labels = {each["id"]: each["label"] for each in ask("GET", path)["networks"]}
        assert labels[private] == "private"
        assert ask("GET", f"{path}/{private}")["network"]["label"] == "private"


def test_a_security_group_of_neutron(cloud, ask):
    of_user = cloud.of_user.network
    fields = {"name": "it-proxy", "description": "made by a proxy"}
    group = ask("POST", "/os-security-groups", {"security_group": fields})["security_group"]["id"]
    assert of_user.get_security_group(group).name == "it-proxy"
    wanted = {"parent_group_id": group, "ip_protocol": "tcp", "from_port": 22, "to_port": 23}
    rule = ask("POST", "/os-security-group-rules", {"security_group_rule": wanted})
    rule_id = rule["security_group_rule"]["id"]
    real = of_user.get_security_group_rule(rule_id)
    assert (real.protocol, real.port_range_min, real.port_range_max) == ("tcp", 22, 23)
    (shown,) = ask("GET", f"/os-security-groups/{group}")["security_group"]["rules"]
    assert (shown["id"], shown["ip_range"]) == (rule_id, {"cidr": "0.0.0.0/0"})
    ask("DELETE", f"/os-security-group-rules/{rule_id}", expect=202)
    renamed = {"security_group": {"name": "it-renamed", "description": ""}}
    ask("PUT", f"/os-security-groups/{group}", renamed)
    assert of_user.get_security_group(group).name == "it-renamed"
    ask("DELETE", f"/os-security-groups/{group}", expect=202)
    assert of_user.find_security_group(group) is None


def test_addresses_of_neutron(cloud, ask, boot):
    private = cloud.network("private")
    guest = boot(networks=[{"uuid": private}])
    (fixed,) = addresses(guest, "fixed")
    pools = ask("GET", "/os-floating-ip-pools")["floating_ip_pools"]
    assert "public" in {each["name"] for each in pools}
    made = ask("POST", "/os-floating-ips", {"pool": "public"})["floating_ip"]
    act(ask, guest, "addFloatingIp", address=made["ip"])
    until("the floating address is shown", lambda: addresses(guest, "floating"), SECONDS, 0.5)
    shown = ask("GET", f"/os-floating-ips/{made['id']}")["floating_ip"]
    assert (shown["instance_id"], shown["fixed_ip"]) == (guest.id, fixed)
    act(ask, guest, "removeFloatingIp", address=made["ip"])
    until("it is not shown", lambda: not addresses(guest, "floating"), SECONDS, 0.5)
    ask("DELETE", f"/os-floating-ips/{made['id']}", expect=202)
    assert cloud.of_user.network.find_ip(made["id"]) is None
    act(ask, guest, "addFixedIp", networkId=private)
    until("a second address", lambda: len(addresses(guest, "fixed")) == 2, SECONDS, 0.5)
    act(ask, guest, "removeFixedIp", address=fixed)
    until("one address is left", lambda: len(addresses(guest, "fixed")) == 1, SECONDS, 0.5)


def addresses(guest, kind: str) -> list[str]:
    found = guest.show()["addresses"].values()
    return [each["addr"] for of in found for each in of if each["OS-EXT-IPS:type"] == kind]


def act(ask, guest, action: str, **arguments: str) -> None:
    ask("POST", f"/servers/{guest.id}/action", {action: arguments}, expect=202)


def test_a_volume_and_a_snapshot_of_cinder(cloud, ask):
    if not cloud.has_volumes:
        pytest.skip("this stack has no Cinder")
    fields = {"size": 1, "display_name": "it-proxy"}
    volume = ask("POST", "/os-volumes", {"volume": fields})["volume"]["id"]
    wait_for(ask, f"/os-volumes/{volume}", "volume", "available")
    assert cloud.of_user.block_storage.get_volume(volume).name == "it-proxy"
    body = {"snapshot": {"volume_id": volume, "display_name": "it-snapshot"}}
    snapshot = ask("POST", "/os-snapshots", body)["snapshot"]["id"]
    wait_for(ask, f"/os-snapshots/{snapshot}", "snapshot", "available")
    assert snapshot in [each["id"] for each in ask("GET", "/os-snapshots")["snapshots"]]
    ask("DELETE", f"/os-snapshots/{snapshot}", expect=202)
    of_user = cloud.of_user.block_storage
    until("the snapshot is gone", lambda: not of_user.find_snapshot(snapshot), SECONDS, 0.5)
    ask("DELETE", f"/os-volumes/{volume}", expect=202)
    until("the volume is gone", lambda: not of_user.find_volume(volume), SECONDS, 0.5)


def wait_for(ask, path: str, key: str, status: str) -> None:
    until(f"{path} is {status}", lambda: ask("GET", path)[key]["status"] == status, SECONDS, 0.5)
