"""Guests are shelved and unshelved, and keep their disks, volumes and addresses."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import guest as guests
from tests.integration.cloud.harness import node
from tests.integration.cloud.harness import volumes as volume_calls
from tests.integration.cloud.harness.guest import Guest

OFFLOADED = "SHELVED_OFFLOADED"
SECONDS = 180  # the guest shuts down by itself, and its disk is copied


def shelve(cloud, guest: Guest) -> None:
    cloud.user.act(guest.id, "shelve")
    guest.wait_for(OFFLOADED, SECONDS)
    assert guest.id not in node.domains()
    assert guest.id not in node.instance_directories()


def unshelve(cloud, guest: Guest) -> Guest:
    """Unshelve the guest, which then has a new console."""
    cloud.user.act(guest.id, "unshelve")
    guest.wait_for("ACTIVE", SECONDS)
    return Guest(cloud, guest.id)


def serials(guest: Guest) -> dict[str, str]:
    """Device name in the guest -> volume."""
    disks = etree.fromstring(node.domain_xml(guest.id)).iter("disk")
    found = {disk.find("target").get("dev"): disk.findtext("serial") for disk in disks}
    return {name: volume for name, volume in found.items() if volume}


def shelved_images(cloud) -> list[str]:
    """The shelved images of guests of these tests; there may be others."""
    return [image.id for image in cloud.of_user.image.images() if image.name == "it-shelved"]


@pytest.mark.parametrize("image", ["mini-raw", pytest.param("mini-qcow2", marks=pytest.mark.long)])
def test_an_unshelved_guest_has_its_disk_volumes_and_addresses(
    cloud, volumes, boot, door, reach, image
):
    first, second = volumes.create("ceph"), volumes.create("iscsi")
    guest = boot(
        imageRef=cloud.image(image),
        networks="auto",
        key_name=guests.KEY,
        security_groups=[{"name": door.name}],
    )
    address = reach(guest)
    guest.wait_for_output("GUEST: ssh ready")
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
    back.wait_for_output("GUEST: boot=2")
    after = back.show()
    for kept in ("addresses", "image", "name"):
        assert after[kept] == before[kept]
    assert serials(back) == {"vdb": first, "vdc": second}
    assert back.ssh(address, "cat /root/note; head -c 5 /dev/vdb") == "kept\nfirst"
    back.ssh(address, "printf second | dd of=/dev/vdc conv=fsync")
    assert shelved_images(cloud) == []
    back.act("reboot", {"type": "HARD"}, "ACTIVE")  # its disk needs no image that is gone
    back.wait_for_output("GUEST: boot=3")
    for volume in (first, second):
        assert volumes.show(volume).status == "in-use"
        volume_calls.detach(cloud, back, volume)
        volumes.wait(volume, "available")


def test_a_server_that_runs_from_a_volume(cloud, volumes, boot):
    disk = {
        "source_type": "image",
        "destination_type": "volume",
        "uuid": cloud.image("mini-raw"),
        "volume_size": 1,
        "boot_index": 0,
        "volume_type": "iscsi",
    }
    guest = boot(imageRef="", block_device_mapping_v2=[disk])
    (attached,) = volume_calls.attached(cloud, guest)
    volume = volumes.adopt(attached["volumeId"])
    guest.wait_for_output("GUEST: ssh ready")  # only then is its disk as it says
    shelve(cloud, guest)
    assert volumes.show(volume).status == "reserved"
    assert shelved_images(cloud) == []
    unshelve(cloud, guest).wait_for_output("GUEST: boot=2")
    assert volumes.show(volume).status == "in-use"


def test_a_shelved_server_is_deleted_with_its_image(cloud, volumes, boot):
    volume = volumes.create("ceph")
    guest = boot()
    guest.wait_for_output("GUEST: ready")
    shelve(cloud, guest)
    volume_calls.attach(cloud, guest, volume)
    assert len(shelved_images(cloud)) == 1
    guest.delete()
    volumes.wait(volume, "available")
    until("its image is gone", lambda: shelved_images(cloud) == [], 30, 0.3)
