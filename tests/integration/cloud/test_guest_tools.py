"""The stack's guest has the programs that common test suites call over ssh.

The commands are those of Tempest's scenario tests, with its shell prologue, paths and options.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import guest as guests
from tests.integration.cloud.harness import volumes as volume_calls
from tests.integration.cloud.harness.guest import Guest

PROLOGUE = "set -eu -o pipefail; PATH=$PATH:/sbin:/usr/sbin; "
GIB = 1024**3

Run = Callable[[str], str]


@pytest.fixture(scope="module")
def guest(cloud, boot_for_all) -> Guest:
    return boot_for_all(
        name="it-tools",
        networks="auto",
        key_name=guests.KEY,
        security_groups=[{"name": "ping-ssh"}],
        config_drive=True,
        metadata={"purpose": "tools"},
    )


@pytest.fixture(scope="module")
def address(cloud, guest) -> Iterator[str]:
    """The floating address of the guest."""
    network = cloud.of_user.network
    port = guest.interfaces()[0]["port_id"]
    floating = network.create_ip(floating_network_id=cloud.network("public"), port_id=port)
    yield floating.floating_ip_address
    network.delete_ip(floating)


@pytest.fixture
def run(guest, address) -> Run:
    """``run(command)`` returns the output of a command. Raises AssertionError when it fails."""
    return lambda command: guest.ssh(address, PROLOGUE + command)


def disks_by_lsblk(run: Run) -> dict[str, int]:
    """{name: size in bytes}, read from the columns as Tempest's ``get_disks`` does."""
    header, *lines = run("lsblk -lb --nodeps").splitlines()
    type_column, size_column = header.index("TYPE"), header.split().index("SIZE")
    disks = [line.split() for line in lines if line[type_column:].startswith("disk")]
    return {fields[0]: int(fields[size_column]) for fields in disks}


def test_sudo_needs_no_password(run):
    assert run("sudo id -u").strip() == "0"
    assert run("sudo -n -u root sh -c 'echo $SUDO_USER'").strip() == "root"


def test_it_writes_to_its_console(guest, run):
    run('sudo sh -c "echo \\"by tempest\\" >/dev/console"')
    guest.wait_for_output("by tempest", 20)


def test_curl_reads_and_writes_at_the_metadata_service(cloud, guest, run, address):
    url = "http://169.254.169.254"
    until(
        "the metadata shows the floating address",
        lambda: run(f"curl {url}/latest/meta-data/public-ipv4") == address,
        90,
        pause=2,
    )
    run(f"curl -X POST -d secret-of-it {url}/openstack/2013-10-17/password")
    assert run(f"curl {url}/openstack/latest/password") == "secret-of-it"


def test_the_config_drive_is_found_by_its_label_and_mounted(run):
    device = run("blkid -L config-2 -o device").strip()
    run(f"sudo mount {device} /mnt")
    try:
        meta_data = json.loads(run("sudo cat /mnt/openstack/latest/meta_data.json"))
        assert meta_data["meta"] == {"purpose": "tools"}
    finally:
        run("sudo umount /mnt")


@pytest.mark.parametrize("file_system", ["vfat", "ext3", "ext4"])
def test_a_file_system_on_a_volume(cloud, volumes, guest, run, file_system):
    before = disks_by_lsblk(run)
    assert "vda" in before
    volume = volumes.create()
    volume_calls.attach(cloud, guest, volume)
    until("lsblk shows the volume", lambda: disks_by_lsblk(run).get("vdb") == GIB, 60, pause=1)
    assert "vdb" in run("cat /proc/partitions")
    run(f"sudo mkfs -t {file_system} /dev/vdb")
    assert f'TYPE="{file_system}"' in run("sudo blkid /dev/vdb")
    run("sudo mkdir -p /mnt/vdb")
    run("sudo mount /dev/vdb /mnt/vdb")
    run('sudo sh -c "date > /mnt/vdb/timestamp; sync"')
    written = run("sudo cat /mnt/vdb/timestamp")
    run("sudo umount /mnt/vdb")
    run("sudo mount /dev/vdb /mnt/vdb")
    assert run("sudo cat /mnt/vdb/timestamp") == written
    run("sudo umount /mnt/vdb")
    volume_calls.detach(cloud, guest, volume)
    until("lsblk shows it no more", lambda: disks_by_lsblk(run) == before, 60, pause=1)


def test_its_network_is_seen_by_the_paths_that_are_called(guest, run, address):
    (interface,) = guest.interfaces()
    (fixed,) = guest.addresses()
    mac = interface["mac_addr"]
    name = run(f"ip -o link | awk '/{mac}/ {{print $2}}'").strip(":\n")
    assert run(f"/sbin/ip -4 -o addr | awk '/{name}/ {{print $4}}'").startswith(fixed)
    assert f"bytes from {fixed}" in run(f"ping -c1 -w1 -s56 {fixed}")
    pid = run(f"cat /var/run/udhcpc.{name}.pid").strip()
    run(f"sudo /bin/kill -USR1 {pid}")  # renew the lease
    assert run(f"ps | grep '^ *{pid} '")


def test_tmp_is_on_the_disk(guest, run, address):
    """Tempest's tests of images and shelving expect their files in /tmp after a boot."""
    digest = run("dd if=/dev/urandom bs=1k count=64 of=/tmp/data && md5sum /tmp/data; sync")
    guest.act("reboot", {"type": "HARD"}, "ACTIVE")
    guest.wait_for_output("GUEST: boot=")
    guest.wait_for_output("GUEST: ssh ready")
    assert run("md5sum /tmp/data") == digest
