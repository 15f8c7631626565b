"""Guests that boot from a rescue disk, and then from their own disk again with all their data."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from lxml import etree

from tests.integration.cloud.harness import ceph, images, node
from tests.integration.cloud.harness import volumes as volume_calls
from tests.integration.cloud.harness.guest import Guest, user_data

FILES = node.STACK / "images"

# Runs once on each disk: it marks the first disk, and on a rescue disk it reads the mark.
SCRIPT = user_data(
    "mkdir -p /root/other /root/drive",
    "own=$(awk '$2 == \"/\" { print $1 }' /proc/mounts)",
    "for disk in /dev/vda2 /dev/vdb2 /dev/sda2; do",
    '  [ "$disk" != "$own" ] && mount -t ext4 "$disk" /root/other 2>/dev/null || continue',
    '  echo "NOTE on $disk: $(cat /root/other/root/note)"',
    "  umount /root/other",
    "done",
    "echo kept > /root/note",
    "mount -t iso9660 /dev/sr0 /root/drive",
    'grep -o \'"admin_pass": "[^"]*"\' /root/drive/openstack/latest/meta_data.json',
    "umount /root/drive",
    "sync",
)


@pytest.fixture(scope="module")
def add(cloud) -> Iterator[Callable[..., str]]:
    """``add(file name, format, properties)``: the id of an image of the node's files."""
    made: list[str] = []

    def add(name: str, disk_format: str = "raw", **properties: str) -> str:
        container = disk_format if disk_format in ("aki", "ari") else "bare"
        path = FILES / name
        made.append(images.upload(cloud, disk_format, path, container, **properties))
        return made[-1]

    yield add
    for image_id in made:
        cloud.of_user.image.delete_image(image_id)


def disks(guest: Guest) -> dict[str, tuple[str, str | None]]:
    """Name in the guest -> (end of its source, boot order) of each disk that is no CD-ROM."""
    found = {}
    for disk in etree.fromstring(node.domain_xml(guest.id)).iter("disk"):
        if disk.get("device") == "disk":
            source, boot = disk.find("source"), disk.find("boot")
            path = source.get("file") or source.get("name") or source.get("dev")
            order = boot.get("order") if boot is not None else None
            found[disk.find("target").get("dev")] = path.replace("/", "_").rpartition("_")[2], order
    return found


def rescue_files(cloud, guest: Guest) -> list[str]:
    """The disks and files of a rescue, in the folder of the server and in Ceph."""
    folder = node.INSTANCES / guest.id
    there = {path.name for path in folder.iterdir()} | (
        ceph.names(ceph.DISKS) if ceph.HERE else set()
    )
    mine = (name for name in there if name.startswith(guest.id) or name in _FOLDER)
    return sorted(name for name in mine if name.endswith(".rescue"))


_FOLDER = {"disk.rescue", "disk.config.rescue", "kernel.rescue", "ramdisk.rescue"}


@pytest.mark.parametrize("image", ["mini-raw", pytest.param("mini-qcow2", marks=pytest.mark.long)])
def test_the_rescue_disk_boots_and_the_root_disk_is_the_second(cloud, boot, image):
    guest = boot(imageRef=cloud.image(image), config_drive=True, user_data=SCRIPT)
    guest.wait_for_output("GUEST: user-data rc=0")
    guest.rescue(rescue_image_ref=cloud.image("mini-raw"), adminPass="it-in-rescue")
    assert disks(guest) == {"vda": ("disk.rescue", "1"), "vdb": ("disk", None)}
    guest.wait_for_output("GUEST: boot=1 .*root=/dev/vda2")
    guest.wait_for_output("NOTE on /dev/vdb2: kept")
    guest.wait_for_output('"admin_pass": "it-in-rescue"')
    guest.wait_for_output("GUEST: user-data rc=0")
    guest.act("unrescue", None, "ACTIVE")
    guest.wait_for_output("GUEST: boot=2 .*root=/dev/vda2")
    assert disks(guest) == {"vda": ("disk", "1")}
    assert rescue_files(cloud, guest) == []


def test_the_own_image_is_the_default_and_a_rescued_guest_is_deleted(cloud, boot):
    guest = boot(imageRef=cloud.image("mini-raw"))
    guest.wait_for_output("GUEST: ready")
    guest.rescue()
    guest.wait_for_output("GUEST: boot=1")
    if ceph.HERE:
        parent = (ceph.IMAGES, cloud.image("mini-raw"), "snap")
        assert ceph.parent(f"{guest.id}_disk.rescue") == parent
    guest.delete()
    assert cloud.rescue_disks() == set()


def test_in_a_stable_rescue_the_disks_stay_in_their_places(cloud, volumes, boot, add):
    volume = volumes.create("ceph")
    image = add("disk.raw", hw_disk_bus="scsi")
    tools = add("disk.raw", hw_rescue_bus="virtio", hw_rescue_device="disk")
    guest = boot(imageRef=image, config_drive=True, user_data=SCRIPT)
    guest.wait_for_output("GUEST: user-data rc=0")
    volume_calls.attach(cloud, guest, volume)
    volumes.wait(volume, "in-use")
    before = disks(guest)
    assert before["sda"] == ("disk", "1")
    guest.rescue(rescue_image_ref=tools)
    now = disks(guest)
    assert {name: source for name, (source, _) in before.items()} == {
        name: source for name, (source, _) in now.items() if source != "disk.rescue"
    }
    assert [source for source, order in now.values() if order == "1"] == ["disk.rescue"]
    guest.wait_for_output("GUEST: boot=1 .*root=/dev/vda2")
    guest.wait_for_output("NOTE on /dev/sda2: kept")
    guest.act("unrescue", None, "ACTIVE")
    guest.wait_for_output("GUEST: boot=2 .*root=/dev/sda2")
    assert disks(guest) == before
    assert rescue_files(cloud, guest) == []
    volume_calls.detach(cloud, guest, volume)
    volumes.wait(volume, "available")


def test_a_guest_on_a_volume_is_rescued_with_a_kernel_of_its_own(cloud, volumes, boot, add):
    kernel, ramdisk = add("vmlinuz", "aki"), add("initrd.gz", "ari")
    tools = add("disk.raw", hw_rescue_device="disk", kernel_id=kernel, ramdisk_id=ramdisk)
    disk = {
        "source_type": "image",
        "destination_type": "volume",
        "uuid": cloud.image("mini-raw"),
        "volume_size": 1,
        "boot_index": 0,
        "volume_type": "ceph",
    }
    guest = boot(imageRef="", block_device_mapping_v2=[disk], config_drive=True, user_data=SCRIPT)
    (attached,) = volume_calls.attached(cloud, guest)
    volumes.adopt(attached["volumeId"])
    guest.wait_for_output("GUEST: user-data rc=0")
    guest.rescue(rescue_image_ref=tools)
    guest.wait_for_output("GUEST: boot=1 .*root=/dev/vdb2")
    guest.wait_for_output("NOTE on /dev/vda2: kept")
    guest.act("unrescue", None, "ACTIVE")
    guest.wait_for_output("GUEST: boot=2 .*root=/dev/vda2")
    assert rescue_files(cloud, guest) == []
