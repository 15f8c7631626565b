"""Data that libguestfs writes into a new disk, read without libguestfs.

The stack does not install libguestfs. Each test takes about a minute, for an emulated machine.
"""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.libvirt import disks, injection
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers

pytest.importorskip("guestfs", reason="libguestfs is not installed")

_START = 1 << 20  # of the only partition, in bytes
_SIZE = 64 << 20
_SHADOW = "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n"
KEY = "ssh-ed25519 AAAA user@laptop"
INFO = disks.InjectionInfo(NetworkInfo(), [("etc/app/app.conf", b"on = \xff\n")], "s3cret")


@pytest.fixture
def override(tmp_path):
    CONF([], project="nova-mini", default_config_files=[])
    changed = []

    def set_override(name, value, group="libvirt"):
        CONF.set_override(name, value, group=group)
        changed.append((name, group))

    set_override("state_path", str(tmp_path), None)
    set_override("virt_type", "qemu")
    set_override("inject_key", True)
    set_override("inject_password", True)
    yield set_override
    for name, group in changed:
        CONF.clear_override(name, group=group)


@pytest.fixture
def content(tmp_path) -> pathlib.Path:
    """Enough files of an operating system to be recognized by libguestfs."""
    root = tmp_path / "root"
    for folder in ("bin", "etc", "usr/bin", "var"):
        (root / folder).mkdir(parents=True)
    (root / "etc/fstab").write_text("/dev/vda1 / ext4 defaults 0 1\n")
    (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n')
    (root / "etc/shadow").write_text(_SHADOW)
    (root / "root/.ssh").mkdir(parents=True)
    (root / "root/.ssh/authorized_keys").write_text("ssh-rsa AAAA before")  # without a newline
    return root


def make_image(path: pathlib.Path, content: pathlib.Path, start: int) -> None:
    """An ext4 file system, in a partition if it does not start at 0."""
    with open(path, "wb") as stream:
        stream.truncate(_SIZE)
    if start:
        table = f"label: dos\nstart={start // 512}, type=83\n"
        subprocess.run(["sfdisk", "-q", path], input=table, text=True, check=True)
    size = f"{(_SIZE - start) // 1024}k"
    place = ["-E", f"offset={start}", "-d", content, path, size]
    subprocess.run(["mkfs.ext4", "-q", "-F", *place], check=True)


def make_disk(images_type: str, image: pathlib.Path):
    """Create the disk as a build does."""
    instance = servers.make_instance(key_data=KEY)
    disk = Backend(images_type).by_name(instance, "disk")
    disk.path.parent.mkdir(parents=True)
    disk.finish = lambda path, driver_format: injection.inject(
        path, driver_format, injection.Injected.requested(instance, INFO)
    )
    disk.cache(lambda base: os.link(image, base), "base", _SIZE)
    return disk


def read(disk, start: int, path: str) -> bytes:
    raw = disk.path.with_name("as-raw")
    if not raw.exists():
        disk.snapshot_extract(raw, "raw")
    command = ["debugfs", "-R", f"cat {path}", f"{raw}?offset={start}"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def hashed(password: str, salt: str) -> str:
    command = ["openssl", "passwd", "-6", "-salt", salt, password]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("images_type", "start", "partition"),
    [("raw", 0, 0), ("qcow2", _START, 1), ("qcow2", _START, -1)],
)
def test_files_key_and_password(content, tmp_path, override, images_type, start, partition):
    override("inject_partition", partition)
    injection.check_host()
    make_image(tmp_path / "image", content, start)
    before = (tmp_path / "image").read_bytes()
    disk = make_disk(images_type, tmp_path / "image")
    assert read(disk, start, "/etc/app/app.conf") == b"on = \xff\n"
    assert read(disk, start, "/root/.ssh/authorized_keys").splitlines() == [
        b"ssh-rsa AAAA before",
        KEY.encode(),
    ]
    root, daemon = read(disk, start, "/etc/shadow").decode().splitlines()
    assert root.split(":")[1] == hashed("s3cret", salt=root.split("$")[2])
    assert root.endswith(":19000:0:99999:7:::") and daemon == _SHADOW.splitlines()[1]
    assert (tmp_path / "image").read_bytes() == before, "the cached image is everybody's"


def test_an_image_without_a_system_ends_the_build(tmp_path, override):
    override("inject_partition", -1)
    (tmp_path / "nothing").mkdir()
    make_image(tmp_path / "image", tmp_path / "nothing", 0)
    with pytest.raises(exception.InjectionFailed, match="0 operating systems"):
        make_disk("raw", tmp_path / "image")
    left = [path.name for path in (tmp_path / "instances").rglob("disk*")]
    assert "disk" not in left, "a disk that is not finished has no name"
