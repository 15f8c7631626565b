"""Guests that are shelved and come back, with all that they had."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from lxml import etree

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import guest as guests
from tests.integration.cloud.harness import node
from tests.integration.cloud.harness import volumes as volume_calls
from tests.integration.cloud.harness.guest import Guest

OFFLOADED = "SHELVED_OFFLOADED"
SECONDS = 180  # the guest shuts down by itself, and its disk is copied


@pytest.fixture(scope="module")
def door(cloud) -> Iterator:
    """A security group that lets ssh in."""
    network = cloud.of_user.network
    group = network.create_security_group(name="it-door")
    network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", protocol="tcp", port_range_min=22,
        port_range_max=22,
    )  # fmt: skip
    yield group
    network.delete_security_group(group)


@pytest.fixture
def reach(cloud) -> Iterator[Callable[[Guest], str]]:
    """``reach(guest)``: a floating address of its."""
    network, made = cloud.of_user.network, []

    def reach(guest: Guest) -> str:
        port = guest.interfaces()[0]["port_id"]
        public = cloud.network("public")
        made.append(network.create_ip(floating_network_id=public, port_id=port))
        return made[-1].floating_ip_address

    yield reach
    for floating in made:
        network.delete_ip(floating)


def shelve(cloud, guest: Guest) -> None:
    cloud.user.act(guest.id, "shelve")
    guest.wait_for(OFFLOADED, SECONDS)
    assert guest.id not in node.domains()
    assert guest.id not in node.instance_directories()


def unshelve(cloud, guest: Guest) -> Guest:
    """With a console of its own."""
    cloud.user.act(guest.id, "unshelve")
    guest.wait_for("ACTIVE", SECONDS)
    return Guest(cloud, guest.id)


def serials(guest: Guest) -> dict[str, str]:
    """Name in the guest -> volume."""
    disks = etree.fromstring(node.domain_xml(guest.id)).iter("disk")
    found = {disk.find("target").get("dev"): disk.findtext("serial") for disk in disks}
    return {name: volume for name, volume in found.items() if volume}


def shelved_images(cloud) -> list[str]:
    """Of guests of these tests; others' may be there."""
    return [image.id for image in cloud.of_user.image.images() if image.name == "it-shelved"]


@pytest.mark.parametrize("image", ["mini-raw", "mini-qcow2"])
def test_it_comes_back_with_its_disk_its_volumes_and_its_addresses(
    cloud, volumes, boot, door, reach, image
):
    first, second = volumes.create("ceph"), volumes.create("iscsi")
    guest = boot(
        imageRef=cloud.image(image), networks="auto", key_name=guests.KEY,
        security_groups=[{"name": door.name}],
    )  # fmt: skip
    address = reach(guest)
    guest.says("GUEST: ssh ready")
    volume_calls.attach(cloud, guest, first)
    volumes.wait(first, "in-use")
    guest.ssh(address, "echo kept > /root/note; printf first | dd of=/dev/vdb conv=fsync; sync")
    before, (interface,) = guest.show(), guest.interfaces()

    shelve(cloud, guest)
    port = cloud.of_admin.network.get_port(interface["port_id"])
    assert (port.device_id, port.binding_host_id) == (guest.id, "")
    assert volumes.show(first).status == "reserved"
    assert len(shelved_images(cloud)) == 1
    volume_calls.attach(cloud, guest, second)
    volumes.wait(second, "reserved")

    back = unshelve(cloud, guest)
    back.says("GUEST: boot=2")
    after = back.show()
    for kept in ("addresses", "image", "name"):
        assert after[kept] == before[kept]
    assert serials(back) == {"vdb": first, "vdc": second}
    assert back.ssh(address, "cat /root/note; head -c 5 /dev/vdb") == "kept\nfirst"
    back.ssh(address, "printf second | dd of=/dev/vdc conv=fsync")
    assert shelved_images(cloud) == []
    back.act("reboot", {"type": "HARD"}, "ACTIVE")  # its disk needs no image that is gone
    back.says("GUEST: boot=3")
    for volume in (first, second):
        assert volumes.show(volume).status == "in-use"
        volume_calls.detach(cloud, back, volume)
        volumes.wait(volume, "available")


def test_one_that_runs_from_a_volume(cloud, volumes, boot):
    disk = {
        "source_type": "image", "destination_type": "volume", "uuid": cloud.image("mini-raw"),
        "volume_size": 1, "boot_index": 0, "volume_type": "iscsi",
    }  # fmt: skip
    guest = boot(imageRef="", block_device_mapping_v2=[disk])
    (attached,) = volume_calls.attached(cloud, guest)
    volume = volumes.adopt(attached["volumeId"])
    guest.says("GUEST: ssh ready")  # only then is its disk as it says
    shelve(cloud, guest)
    assert volumes.show(volume).status == "reserved"
    assert shelved_images(cloud) == []
    unshelve(cloud, guest).says("GUEST: boot=2")
    assert volumes.show(volume).status == "in-use"


def test_a_shelved_one_is_deleted_with_its_image(cloud, volumes, boot):
    volume = volumes.create("ceph")
    guest = boot()
    guest.says("GUEST: ready")
    shelve(cloud, guest)
    volume_calls.attach(cloud, guest, volume)
    assert len(shelved_images(cloud)) == 1
    guest.delete()
    volumes.wait(volume, "available")
    until("its image is gone", lambda: shelved_images(cloud) == [], 30, 0.3)
