"""A guest writes the header of another format into its raw disk, with the path of a host's file.

CVE-2015-7548 (snapshot), CVE-2016-2140 (resize and migration) and CVE-2026-24708 (resize): the
format of a disk is never detected from its content.
"""

from __future__ import annotations

import subprocess

import pytest

from nova_mini.virt.libvirt import blockinfo
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers

MIB = 1024**2
SECRET = b"what only root of the host may read"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(SECRET.ljust(MIB, b"\0"))
    return path


@pytest.fixture(params=["backing file", "data file"])
def disk(request, override, tmp_path, secret):
    """A raw root disk of 2 MiB in which the guest wrote a qcow2 header that names the secret."""
    override("instances_path", str(tmp_path / "instances"))
    instance = servers.make_instance()
    made = Backend("raw").by_name(instance, blockinfo.LOCAL_ROOT)
    made.path.parent.mkdir(parents=True)
    made.cache(lambda path: path.write_bytes(b"\0" * MIB), "base", 2 * MIB)
    options = {
        "backing file": ["-F", "raw", "-b", str(secret)],
        "data file": ["-o", f"data_file={secret},data_file_raw=on"],
    }
    image = tmp_path / "evil"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", *options[request.param], str(image)]
    subprocess.run([*command, str(64 * MIB)], check=True)
    secret.write_bytes(SECRET.ljust(MIB, b"\0"))  # qemu-img made the data file anew
    header = image.read_bytes()
    with open(made.path, "r+b") as stream:
        stream.write(header[: 2 * MIB])
    return made


def test_a_snapshot_has_the_data_of_the_guest_and_no_other(disk, tmp_path):
    before = disk.path.read_bytes()
    target = tmp_path / "snapshot"
    disk.snapshot_extract(target, "raw")
    assert target.read_bytes() == before
    assert SECRET not in target.read_bytes()


def test_a_resize_grows_only_the_guests_file(disk, secret):
    before = disk.path.read_bytes()
    kept = secret.read_bytes()
    disk.resize_image(4 * MIB)
    assert disk.path.stat().st_size == 4 * MIB
    assert disk.path.read_bytes()[: 2 * MIB] == before
    assert secret.read_bytes() == kept


def test_the_size_of_the_disk_is_that_of_its_file(disk):
    assert disk.get_disk_size() == 2 * MIB


def test_qemu_gets_the_format_explicitly(disk):
    info = disk.libvirt_info(DiskDevice(bus="virtio", dev="vda", type="disk", boot_index=1))
    assert info.format_dom().find("driver").get("type") == "raw"
