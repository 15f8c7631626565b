"""Volumes that are encrypted with keys from Barbican: `tools/stack up --with barbican`."""

from __future__ import annotations

import subprocess

import pytest

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import ceph, node
from tests.integration.cloud.harness import volumes as volume_calls
from tests.integration.cloud.harness.guest import Guest, user_data
from tests.integration.cloud.test_volumes import WATCH, boot_disk, disks, size_of, volume_of

TYPE = "luks"
GIB = 1024**3
HEADER = 2068480  # bytes of LUKS with the cipher of the volume type
MAGIC = b"LUKS\xba\xbe\x00\x01"


@pytest.fixture(scope="module", autouse=True)
def _has_keys(cloud) -> None:
    if not cloud.of_admin.has_service("key-manager") or not ceph.HERE:
        pytest.skip("this stack has no Barbican, or no Ceph")


@pytest.fixture(scope="module")
def watcher(boot_for_all) -> Guest:
    """A guest that writes to every disk that it gets."""
    guest = boot_for_all(name="watcher", config_drive=True, user_data=user_data(WATCH))
    guest.wait_for_output("GUEST: ready")
    return guest


def head_of(volume: str, size: int = 4 * 1024**2) -> bytes:
    """The first bytes of the volume as they are in Ceph."""
    image = f"{ceph.VOLUMES}/volume-{volume}"
    command = f"rbd export --no-progress {image} - | head -c {size}"
    return subprocess.run(["sh", "-c", command], capture_output=True, timeout=60).stdout


def secrets() -> list[str]:
    return node.secrets("volume")


def passphrase_of(cloud, volume: str) -> str:
    """The passphrase, from Barbican, with the user's token."""
    record = cloud.of_user.block_storage.get(f"/volumes/{volume}/encryption").json()
    of_keys = cloud.of_user.key_manager
    path = f"/secrets/{record['encryption_key_id']}/payload"
    response = of_keys.get(path, headers={"Accept": "application/octet-stream"})
    assert response.status_code == 200, response.text
    return response.content.hex()


def test_attach_write_detach_read(cloud, volumes, watcher):
    volume = volumes.create(TYPE)
    for found in ("", "from-watcher"):
        watcher.skip_output()
        volume_calls.attach(cloud, watcher, volume)
        volumes.wait(volume, "in-use")
        # What no guest has written is random: three more characters may be letters.
        watcher.wait_for_output(f"READ vdb {found}[a-z-]{{0,3}}\r?\n" if found else "READ vdb")
        watcher.wait_for_output("WROTE vdb")
        encryption = disks(watcher)["vdb"].find("source/encryption")
        assert encryption.get("format") == "luks"
        assert encryption.find("secret").get("uuid") == volume
        assert secrets() == [volume]
        volume_calls.detach(cloud, watcher, volume)
        volumes.wait(volume, "available")
        assert secrets() == []
    content = head_of(volume)
    assert content.startswith(MAGIC) and b"from-watcher" not in content


def test_the_guest_starts_again_and_the_volume_grows(cloud, volumes, boot):
    """An administrator of another project has the guest started: the service reads its key."""
    guest = boot(config_drive=True, user_data=user_data(WATCH))
    guest.wait_for_output("GUEST: ready")
    volume = volumes.create(TYPE)
    volume_calls.attach(cloud, guest, volume)
    guest.wait_for_output("WROTE vdb")
    volumes.wait(volume, "in-use")
    assert size_of(guest, "vdb") == GIB
    volumes.act(volume, {"os-extend": {"new_size": 2}}, version="3.42")
    until("the disk has grown", lambda: size_of(guest, "vdb") == 2 * GIB - HEADER, 30, 0.3)
    guest.skip_output()
    cloud.admin.act(guest.id, "reboot", {"type": "HARD"})
    guest.wait_for_output("GUEST: ready")
    guest.wait_for("ACTIVE")
    assert size_of(guest, "vdb") == 2 * GIB - HEADER
    guest.delete()
    volumes.wait(volume, "available")
    assert secrets() == []


def test_boot_from_an_encrypted_volume_and_shelve(cloud, volumes, boot):
    disk = boot_disk(cloud, TYPE, delete_on_termination=True)
    guest = boot(imageRef="", block_device_mapping_v2=[disk])
    volume = volumes.adopt(volume_of(cloud, guest))
    guest.wait_for_output("GUEST: ready")
    assert head_of(volume, 8) == MAGIC and secrets() == [volume]
    guest.act("shelve", None, "SHELVED_OFFLOADED")
    assert secrets() == []
    cloud.user.act(guest.id, "unshelve")
    guest.wait_for("ACTIVE")
    Guest(cloud, guest.id).wait_for_output("GUEST: boot=2")  # the guest has a new console
    guest.delete()
    until("the volume is gone", lambda: volumes.is_gone(volume), 60, 0.3)
    assert secrets() == []


def test_the_key_is_nowhere(cloud, volumes, watcher):
    """In no log, no file of the instance, no definition and no record."""
    volume = volumes.create(TYPE)
    volume_calls.attach(cloud, watcher, volume)
    volumes.wait(volume, "in-use")
    passphrase = passphrase_of(cloud, volume)
    files = [node.log(daemon) for daemon in node.DAEMONS]
    files += [path for path in (node.INSTANCES / watcher.id).iterdir() if path.suffix == ".xml"]
    files += list(node.CONNECTIONS.parent.rglob("*.json"))
    for path in files:
        assert passphrase not in path.read_text(errors="replace"), path
    for options in ((), ("--inactive", "--security-info")):
        assert passphrase not in node.run("virsh", "dumpxml", *options, watcher.id)
    records = cloud.query("SELECT connection_info FROM block_device_mapping")
    assert passphrase not in str(records) and volume in str(records)
    volume_calls.detach(cloud, watcher, volume)
    volumes.wait(volume, "available")


def test_a_swap_is_refused(cloud, volumes, watcher):
    old, new = volumes.create(TYPE), volumes.create("ceph")
    volume_calls.attach(cloud, watcher, old)
    volumes.wait(old, "in-use")
    volumes.let_swap(old)
    path = f"/servers/{watcher.id}/os-volume_attachments/{old}"
    response = cloud.admin.request("PUT", path, {"volumeAttachment": {"volumeId": new}})
    assert response.status_code == 400 and "cannot be swapped" in response.text
    volume_calls.detach(cloud, watcher, old)
    volumes.wait(old, "available")
