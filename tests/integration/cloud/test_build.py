"""Servers are built: their disks, their metadata, several concurrent builds."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.integration.cloud.harness import node
from tests.integration.cloud.harness.guest import user_data

MIB = 1 << 20


@pytest.fixture
def flavor_with_disks(cloud) -> Iterator[str]:
    flavor = {
        "name": "it-disks",
        "id": "it-disks",
        "vcpus": 1,
        "ram": 96,
        "disk": 1,
        "OS-FLV-EXT-DATA:ephemeral": 1,
        "swap": 64,
    }
    cloud.admin.post("/flavors", {"flavor": flavor})
    yield flavor["id"]
    cloud.admin.delete(f"/flavors/{flavor['id']}", 202)


def test_a_raw_image_a_config_drive_an_ephemeral_disk_and_swap(cloud, boot, flavor_with_disks):
    use = (
        "for d in vda vdb vdc; do echo DISK $d $(cat /sys/block/$d/size); done",
        "mkdir /e && mount /dev/vdb /e && echo EPHEMERAL $(ls /e) at $(findfs LABEL=ephemeral0)",
        "swapon /dev/vdc && tail -n 1 /proc/swaps",
    )
    guest = boot(
        name="it-disks",
        imageRef=cloud.image("mini-raw"),
        flavorRef=flavor_with_disks,
        config_drive=True,
        user_data=user_data(*use),
    )
    guest.wait_for_output("GUEST: ready")
    guest.wait_for_output(rf"GUEST: metadata=configdrive:\S+ uuid={guest.id} hostname=it-disks")
    guest.wait_for_output("GUEST: user-data rc=")
    output = guest.console()
    for disk, size in (("vda", 1024), ("vdb", 1024), ("vdc", 64)):
        assert f"DISK {disk} {size * MIB // 512}" in output, output
    assert "EPHEMERAL lost+found at /dev/vdb" in output, output
    assert re.search(r"/dev/vdc\s+partition\s+65", output), output


def test_several_servers_of_one_request(cloud, boot):
    first = boot(name="it-many", min_count=2, max_count=2, wait=None)
    servers = cloud.user.get("/servers?name=it-many")["servers"]
    assert {each["name"] for each in servers} == {"it-many-1", "it-many-2"}
    for each in servers:
        cloud.user.wait_for(each["id"], "ACTIVE", 90)
        assert node.domains()[each["id"]] == 1
    assert first.id in {each["id"] for each in servers}
    for each in servers:
        cloud.user.delete(f"/servers/{each['id']}")
    for each in servers:
        cloud.user.wait_gone(each["id"], 60)


def test_the_sdk_builds_and_deletes_a_server(cloud):
    compute = cloud.of_user.compute
    server = compute.create_server(
        name="it-sdk", image_id=cloud.image("mini-qcow2"), flavor_id="42", networks="none"
    )
    server = compute.wait_for_server(server, wait=90)
    assert server.status == "ACTIVE"
    compute.delete_server(server)
    compute.wait_for_delete(server, wait=60)
    assert server.id not in node.domains()
    assert server.id not in node.instance_directories()
