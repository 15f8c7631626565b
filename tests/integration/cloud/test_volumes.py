"""Volumes of guests, in Ceph and over iSCSI: attach, write, extend, swap, migrate, detach."""

from __future__ import annotations

import base64

import openstack
import pytest
from lxml import etree

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import node
from tests.integration.cloud.harness import volumes as volume_calls
from tests.integration.cloud.harness.guest import ACTIVE_SECONDS, Guest, user_data

BACKENDS = ["ceph", "iscsi"]
SECTORS = 2097152  # of a GiB
GIB = 1024**3

# The guest prints the first bytes of each new disk, and then writes its own name there.
WATCH = """
while :; do for d in vdb vdc; do
  if [ -b /dev/$d ] && [ ! -e /run/seen-$d ]; then
    : >/run/seen-$d
    echo "READ $d $(dd if=/dev/$d bs=16 count=1 2>/dev/null | tr -cd a-z-)"
    echo "from-$(hostname)" | dd of=/dev/$d conv=notrunc,fsync 2>/dev/null
    echo "WROTE $d"
  fi
  [ -b /dev/$d ] || rm -f /run/seen-$d
done; sleep 0.5; done &
"""


@pytest.fixture(scope="module")
def watcher(boot_for_all) -> Guest:
    """A guest that writes to every disk that it gets."""
    guest = boot_for_all(name="watcher", config_drive=True, user_data=user_data(WATCH))
    guest.wait_for_output("GUEST: ready")
    return guest


def disks(guest: Guest) -> dict[str, etree._Element]:
    """Device name -> <disk> element of the running guest."""
    xml = etree.fromstring(node.domain_xml(guest.id))
    return {disk.find("target").get("dev"): disk for disk in xml.iter("disk")}


def size_of(guest: Guest, name: str) -> int:
    """The size in bytes that QEMU shows to the guest."""
    output = node.run("virsh", "domblkinfo", guest.id, name)
    return int(output.split("Capacity:")[1].split()[0])


def snapshots_of(cloud, volume_id: str) -> list:
    return list(cloud.of_user.block_storage.snapshots(volume_id=volume_id))


def is_gone_from(guest: Guest, name: str) -> bool:
    return name not in disks(guest)


@pytest.mark.parametrize("backend", BACKENDS)
def test_attach_write_detach_read(cloud, volumes, watcher, backend):
    volume = volumes.create(backend)
    for found in ("", "from-watcher"):
        watcher.skip_output()
        shown = volume_calls.attach(cloud, watcher, volume, tag="data")
        assert (shown["device"], shown["tag"]) == ("/dev/vdb", "data")
        volumes.wait(volume, "in-use")
        watcher.wait_for_output(f"hotplug add vdb {SECTORS}")
        watcher.wait_for_output(f"READ vdb {found}\r?\n")
        watcher.wait_for_output("WROTE vdb")
        assert disks(watcher)["vdb"].findtext("serial") == volume
        (attachment,) = volume_calls.attached(cloud, watcher)
        assert attachment["volumeId"] == volume and attachment["attachment_id"]
        volume_calls.detach(cloud, watcher, volume)
        volumes.wait(volume, "available")
        watcher.wait_for_output("hotplug remove vdb")
        assert "vdb" not in disks(watcher)
        assert volume_calls.attached(cloud, watcher) == []


def test_a_volume_grows_under_its_guest(cloud, volumes, watcher):
    volume = volumes.create("ceph")
    volume_calls.attach(cloud, watcher, volume)
    volumes.wait(volume, "in-use")
    volumes.act(volume, {"os-extend": {"new_size": 2}}, version="3.42")
    until("the guest's disk has 2 GiB", lambda: size_of(watcher, "vdb") == 2 * GIB, 30, 0.3)
    volume_calls.detach(cloud, watcher, volume)
    volumes.wait(volume, "available")


def test_volumes_are_attached_to_a_guest_that_is_off_or_paused(cloud, volumes, boot):
    off, paused = volumes.create("ceph"), volumes.create("iscsi")
    guest = boot()
    guest.wait_for_output("GUEST: ready")
    guest.act("os-stop", None, "SHUTOFF")
    volume_calls.attach(cloud, guest, off)
    volumes.wait(off, "in-use")
    guest.act("os-start", None, "ACTIVE")
    guest.wait_for_output("GUEST: ready")
    assert disks(guest)["vdb"].findtext("serial") == off
    guest.act("pause", None, "PAUSED")
    volume_calls.attach(cloud, guest, paused)
    volumes.wait(paused, "in-use")
    guest.act("unpause", None, "ACTIVE")
    guest.wait_for_output(f"hotplug add vdc {SECTORS}")
    guest.act("reboot", {"type": "HARD"}, "ACTIVE")
    guest.wait_for_output("GUEST: ready")
    assert {disks(guest)[name].findtext("serial") for name in ("vdb", "vdc")} == {off, paused}
    for volume in (off, paused):
        volume_calls.detach(cloud, guest, volume)
        volumes.wait(volume, "available")


def test_a_volume_takes_the_place_of_another(cloud, volumes, watcher):
    """Swap from Ceph to iSCSI, with the content, while the guest runs."""
    old, new = volumes.create("ceph"), volumes.create("iscsi")
    _attach_and_write(cloud, volumes, watcher, old)
    volume_calls.swap(cloud, volumes, watcher, old, new)
    volumes.wait(new, "in-use")
    volumes.wait(old, "available")
    assert disks(watcher)["vdb"].find("source").get("protocol") == "iscsi"
    _read_again(cloud, volumes, watcher, new)


def test_cinder_moves_a_volume_that_is_in_use(cloud, volumes, watcher):
    volume = volumes.create("iscsi")
    _attach_and_write(cloud, volumes, watcher, volume)
    retype = {"os-retype": {"new_type": "ceph", "migration_policy": "on-demand"}}
    volumes.act(volume, retype, as_admin=True)
    until("it is in Ceph", lambda: volumes.show(volume).volume_type == "ceph", 180, 0.5)
    volumes.wait(volume, "in-use")
    assert disks(watcher)["vdb"].find("source").get("protocol") == "rbd"
    # Cinder gives the new volume the old ID, and tells it the host, which corrects the record.
    until("the server has it", lambda: _has(cloud, watcher, volume), 10, 0.2)
    _read_again(cloud, volumes, watcher, volume)


def _has(cloud, guest, volume) -> bool:
    return volume in [each["volumeId"] for each in volume_calls.attached(cloud, guest)]


def _attach_and_write(cloud, volumes, guest, volume) -> None:
    guest.skip_output()
    volume_calls.attach(cloud, guest, volume)
    volumes.wait(volume, "in-use")
    guest.wait_for_output("WROTE vdb")


def _read_again(cloud, volumes, guest, volume) -> None:
    """Detach and attach the volume again: it has the data of the guest."""
    volume_calls.detach(cloud, guest, volume)
    volumes.wait(volume, "available")
    guest.skip_output()
    volume_calls.attach(cloud, guest, volume)
    guest.wait_for_output("READ vdb from-watcher")
    volumes.wait(volume, "in-use")
    volume_calls.detach(cloud, guest, volume)
    volumes.wait(volume, "available")


def test_limits_read_only_and_discard_reach_the_guest(cloud, volumes, watcher):
    """They come from Cinder's records of the volume and its type."""
    cinder = cloud.of_admin.block_storage
    specs = {"qos_specs": {"name": "it-slow", "consumer": "front-end", "total_iops_sec": "77"}}
    made = cinder.post("/qos-specs", json=specs).json()["qos_specs"]["id"]
    slow = cinder.create_type(name="it-slow", extra_specs={"volume_backend_name": "ceph"})
    try:
        path = f"/qos-specs/{made}/associate?vol_type_id={slow.id}"
        assert cinder.get(path).status_code == 202
        volume = volumes.create("it-slow")
        volumes.act(volume, {"os-update_readonly_flag": {"readonly": True}})
        volume_calls.attach(cloud, watcher, volume)
        volumes.wait(volume, "in-use")
        disk = disks(watcher)["vdb"]
        assert disk.findtext("iotune/total_iops_sec") == "77"
        assert disk.find("readonly") is not None
        assert disk.find("driver").get("discard") == "unmap"
    finally:
        volumes.remove()
        cinder.delete_type(slow)
        cinder.delete(f"/qos-specs/{made}?force=true")


def test_a_volume_of_two_servers(cloud, volumes, watcher, boot):
    volume = volumes.create("multiattach")
    other = boot()
    for guest in (watcher, other):
        volume_calls.attach(cloud, guest, volume)
        until("it is attached", lambda guest=guest: not is_gone_from(guest, "vdb"), 30, 0.2)
        assert disks(guest)["vdb"].find("shareable") is not None
        volumes.wait(volume, "in-use")  # one that is being attached can have no other server
    until("Cinder knows both", lambda: len(volumes.show(volume).attachments) == 2, 30, 0.3)
    volume_calls.detach(cloud, watcher, volume)
    until("it is detached", lambda: len(volumes.show(volume).attachments) == 1, 30, 0.3)
    assert is_gone_from(watcher, "vdb") and not is_gone_from(other, "vdb")
    assert volumes.show(volume).status == "in-use"
    other.delete()
    volumes.wait(volume, "available")


# -- servers that run from volumes ---------------------------------------------------------------


def boot_disk(cloud, backend: str, image: str = "mini-raw", **fields) -> dict:
    return {
        "source_type": "image",
        "destination_type": "volume",
        "uuid": cloud.image(image),
        "volume_size": 1,
        "boot_index": 0,
        "volume_type": backend,
        **fields,
    }


def volume_of(cloud, guest: Guest) -> str:
    (attached,) = volume_calls.attached(cloud, guest)
    return attached["volumeId"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_boot_from_a_volume_that_goes_with_its_server(cloud, volumes, boot, backend):
    disk = boot_disk(cloud, backend, delete_on_termination=True)
    guest = boot(imageRef="", block_device_mapping_v2=[disk])
    volume = volumes.adopt(volume_of(cloud, guest))
    guest.wait_for_output("GUEST: ready")
    assert guest.show()["image"] == ""
    assert volumes.show(volume).is_bootable
    guest.delete()
    until("the volume is gone", lambda: volumes.is_gone(volume), 60, 0.3)


def test_an_image_of_volumes_makes_another_server(cloud, volumes, boot):
    first = boot(imageRef="", block_device_mapping_v2=[boot_disk(cloud, "ceph")])
    kept = volumes.adopt(volume_of(cloud, first))
    first.wait_for_output("GUEST: ssh ready")  # only then is its disk as it says
    made = cloud.user.act(first.id, "createImage", {"name": "it-copy"})["image_id"]
    first.wait_for("ACTIVE")
    image = cloud.of_user.image.get_image(made)
    assert (image.status, image.size) == ("active", 0)
    second = boot(imageRef=made)
    copied = volumes.adopt(volume_of(cloud, second))
    second.wait_for_output("GUEST: boot=2")
    assert copied != kept
    for guest in (second, first):
        guest.delete()
    volumes.wait(kept, "available")
    volumes.wait(copied, "available")
    cloud.of_user.block_storage.delete_volume(copied)
    until("the copy is gone", lambda: volumes.is_gone(copied), 60, 0.3)
    cloud.of_user.image.delete_image(made)
    for snapshot in snapshots_of(cloud, kept):
        cloud.of_user.block_storage.delete_snapshot(snapshot)
    until("no snapshot is left", lambda: not snapshots_of(cloud, kept), 60, 0.3)


def test_a_rebuild_writes_the_image_into_the_volume(cloud, volumes, boot):
    guest = boot(imageRef="", block_device_mapping_v2=[boot_disk(cloud, "ceph")])
    volume = volumes.adopt(volume_of(cloud, guest))
    guest.wait_for_output("GUEST: ready")
    guest.act("rebuild", {"imageRef": cloud.image("mini-qcow2")}, "ACTIVE")
    guest.wait_for_output("GUEST: boot=1")
    assert volume_of(cloud, guest) == volume
    assert volumes.show(volume).volume_image_metadata["image_id"] == cloud.image("mini-qcow2")
    guest.wait_for("ACTIVE", ACTIVE_SECONDS)


# -- a stranger's hands --------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param("demo", marks=pytest.mark.long), "admin"])
def test_cinder_takes_no_volume_from_a_server_that_uses_it(cloud, volumes, boot, name):
    """CVE-2023-2088: Cinder calls the Compute API, and refuses to detach a volume in use.

    The token is new and the Compute API sees it first, so Cinder finds it in the token cache that
    both services share.
    """
    guest = boot()
    volume = volumes.create("ceph")
    volume_calls.attach(cloud, guest, volume)
    volumes.wait(volume, "in-use")
    attachment = volume_calls.attached(cloud, guest)[0]["attachment_id"]
    connection = openstack.connect(cloud=name)
    assert connection.compute.get("/servers").status_code == 200
    cinder, version = connection.block_storage, volume_calls.ATTACHMENTS
    actions = [
        {"os-detach": {"attachment_id": attachment}},
        {"os-terminate_connection": {"connector": {"host": node.NAME}}},
    ]
    if name == "admin":
        actions.append({"os-force_detach": {"attachment_id": attachment, "connector": {}}})
    responses = [
        cinder.delete(f"/attachments/{attachment}", microversion=version),
        *(cinder.post(f"/volumes/{volume}/action", json=each) for each in actions),
    ]
    for response in responses:
        assert response.status_code == 409, response.text
        assert guest.id in response.json()["conflictingRequest"]["message"]
    assert volumes.show(volume).status == "in-use"
    volume_calls.detach(cloud, guest, volume)
    volumes.wait(volume, "available")


def test_a_volume_with_a_deleted_attachment_is_not_connected_again(cloud, volumes, boot):
    """CVE-2023-2088: the attachment is deleted in Cinder, and the volume attached elsewhere."""
    guest = boot()
    volume = volumes.create("ceph")
    volume_calls.attach(cloud, guest, volume)
    volumes.wait(volume, "in-use")
    volumes.act(
        volume,
        {"os-reset_status": {"status": "available", "attach_status": "detached"}},
        as_admin=True,
    )
    assert volumes.show(volume).attachments == []
    cloud.user.act(guest.id, "reboot", {"type": "HARD"})
    until("the reboot has ended", lambda: guest.show()["OS-EXT-STS:task_state"] is None, 60, 0.3)
    (event, *_) = guest.events("reboot")
    assert event["result"] == "Error"
    volume_calls.detach(cloud, guest, volume)
    until("it is detached", lambda: volume_calls.attached(cloud, guest) == [], 30, 0.3)
    assert is_gone_from(guest, "vdb")
    guest.act("reboot", {"type": "HARD"}, "ACTIVE")


def test_no_key_is_in_any_log(watcher):
    """Logs contain neither CHAP's passwords nor Ceph's keys."""
    keys = {
        line.split("=", 1)[1].strip()
        for path in node.keyrings()
        for line in path.read_text().splitlines()
        if "key =" in line
    }
    assert keys
    texts = [node.log(daemon).read_text(errors="replace") for daemon in node.DAEMONS]
    for key in keys:
        assert base64.b64decode(key)
        assert not any(key in text for text in texts)
    assert not any("auth_password': '" in t and "***" not in t for t in texts)
