"""Guests are resized on the only host, and keep their disks, volumes and addresses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lxml import etree
from oslo_utils import units

from tests.integration.cloud.harness import guest as guests
from tests.integration.cloud.harness import node
from tests.integration.cloud.harness import volumes as volume_calls
from tests.integration.cloud.harness.guest import Guest

LARGER = {"id": "it-larger", "name": "it-larger", "ram": 160, "vcpus": 1, "disk": 2}
SECONDS = 180  # the guest shuts down by itself


@pytest.fixture(scope="module", autouse=True)
def _flavor(cloud) -> Iterator[None]:
    cloud.admin.post("/flavors", {"flavor": LARGER})
    yield
    cloud.admin.request("DELETE", f"/flavors/{LARGER['id']}")


def memory_kib(guest: Guest) -> int:
    return int(etree.fromstring(node.domain_xml(guest.id)).findtext("memory"))


def root_bytes(guest: Guest, address: str) -> int:
    return int(guest.ssh(address, "cat /sys/block/vda/size")) * 512


def resize(cloud, guest: Guest) -> Guest:
    """Resize the guest, which then has a new console."""
    cloud.user.act(guest.id, "resize", {"flavorRef": LARGER["id"]})
    guest.wait_for("VERIFY_RESIZE", SECONDS)
    return Guest(cloud, guest.id)


def test_a_resized_guest_has_its_disk_volume_and_address(cloud, volumes, boot, door, reach):
    volume = volumes.create("ceph")
    guest = boot(networks="auto", key_name=guests.KEY, security_groups=[{"name": door.name}])
    address = reach(guest)
    guest.wait_for_output("GUEST: ssh ready")
    volume_calls.attach(cloud, guest, volume)
    volumes.wait(volume, "in-use")
    guest.ssh(address, "echo kept > /root/note; printf data | dd of=/dev/vdb conv=fsync; sync")
    before, size, memory = guest.show(), root_bytes(guest, address), memory_kib(guest)

    larger = resize(cloud, guest)
    larger.wait_for_output("GUEST: boot=2")
    assert larger.ssh(address, "cat /root/note; head -c 4 /dev/vdb") == "kept\ndata"
    assert memory_kib(larger) > memory
    assert root_bytes(larger, address) == LARGER["disk"] * units.Gi > size
    cloud.user.act(guest.id, "confirmResize", expect=204)
    larger.wait_for("ACTIVE")
    after = larger.show()
    assert after["addresses"] == before["addresses"]
    assert after["flavor"]["ram"] > before["flavor"]["ram"]
    larger.act("reboot", {"type": "HARD"}, "ACTIVE")
    larger.wait_for_output("GUEST: boot=3")
    volume_calls.detach(cloud, larger, volume)
    volumes.wait(volume, "available")


def test_a_reverted_guest_is_as_it_was(cloud, boot, door, reach):
    guest = boot(networks="auto", key_name=guests.KEY, security_groups=[{"name": door.name}])
    address = reach(guest)
    guest.wait_for_output("GUEST: ssh ready")
    guest.ssh(address, "echo kept > /root/note; sync")
    before, size, memory = guest.show(), root_bytes(guest, address), memory_kib(guest)

    larger = resize(cloud, guest)
    larger.wait_for_output("GUEST: boot=2")
    larger.ssh(address, "echo lost > /root/note; sync")
    cloud.user.act(guest.id, "revertResize")
    larger.wait_for("ACTIVE", SECONDS)
    back = Guest(cloud, guest.id)
    back.wait_for_output("GUEST: boot=2")  # the counter is on the disk
    assert back.ssh(address, "cat /root/note").strip() == "kept"
    assert (root_bytes(back, address), memory_kib(back)) == (size, memory)
    after = back.show()
    assert (after["addresses"], after["flavor"]) == (before["addresses"], before["flavor"])
