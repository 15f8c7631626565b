"""Disks are made once, whole, of the right size, and never larger than their base allows."""

import os
import subprocess

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.imagebackend import Backend
from tests import servers
from tests.unit.virt.disk_files import needs_qemu_img

MIB = 1 << 20
CONTENT = os.urandom(4096).ljust(MIB, b"\0")

pytestmark = needs_qemu_img


class Fetch:
    """Makes the base and counts how often it had to."""

    calls = 0

    def __call__(self, path):
        self.calls += 1
        path.write_bytes(CONTENT)


@pytest.fixture
def fetch():
    return Fetch()


@pytest.fixture
def instance():
    made = servers.make_instance()
    utils.get_instance_path(made).mkdir()
    return made


def as_raw(disk, tmp_path) -> bytes:
    target = tmp_path / "as-raw"
    disk.snapshot_extract(target, "raw")
    return target.read_bytes()


@pytest.mark.parametrize("images_type", ["qcow2", "raw", "flat", "default"])
def test_a_disk_has_the_content_of_its_base_and_the_size_of_the_flavor(
    images_type, instance, fetch, tmp_path
):
    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 3 * MIB)
    assert disk.get_disk_size() == 3 * MIB
    content = as_raw(disk, tmp_path)
    assert content == CONTENT.ljust(3 * MIB, b"\0")
    assert [path.name for path in disk.path.parent.iterdir()] == ["disk"]


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_without_a_size_a_disk_is_as_large_as_its_base(images_type, instance, fetch):
    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 0)
    assert disk.get_disk_size() == MIB


def test_a_base_is_fetched_once_for_all_instances(instance, fetch):
    other = servers.make_instance()
    utils.get_instance_path(other).mkdir()
    for owner in (instance, other):
        Backend("qcow2").by_name(owner, "disk").cache(fetch, "base", 0)
    assert fetch.calls == 1


def test_a_base_that_is_too_large_is_refused(instance, fetch):
    disk = Backend("qcow2").by_name(instance, "disk")
    with pytest.raises(exception.FlavorDiskSmallerThanImage):
        disk.cache(fetch, "base", MIB - 512)
    assert not disk.exists()


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_what_a_killed_attempt_left_is_not_taken_for_a_disk(images_type, instance, fetch, tmp_path):
    disk = Backend(images_type).by_name(instance, "disk")
    (disk.path.parent / "disk.part").write_bytes(b"half")
    disk.cache(fetch, "base", 2 * MIB)
    assert as_raw(disk, tmp_path).startswith(CONTENT)
    assert not (disk.path.parent / "disk.part").exists()


def test_a_disk_that_is_there_is_kept(instance, fetch):
    disk = Backend("raw").by_name(instance, "disk")
    disk.cache(fetch, "base", 2 * MIB)
    with open(disk.path, "r+b") as stream:
        stream.write(b"written by the guest")
    disk.cache(fetch, "base", 2 * MIB)
    assert disk.path.read_bytes().startswith(b"written by the guest")


@pytest.mark.parametrize(("images_type", "calls"), [("qcow2", 2), ("raw", 1)])
def test_a_lost_base_comes_back_only_for_who_needs_it(images_type, calls, instance, fetch):
    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 0)
    (utils.base_dir() / "base").unlink()
    disk.cache(fetch, "base", 0)
    assert fetch.calls == calls


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_a_disk_that_stands_alone(images_type, instance, fetch, tmp_path):
    """What it was made from may go, and is not fetched again for it."""
    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 3 * MIB)
    for _ in range(2):
        disk.flatten()
    (utils.base_dir() / "base").unlink()
    assert as_raw(disk, tmp_path) == CONTENT.ljust(3 * MIB, b"\0")
    disk.cache(fetch, "another", 3 * MIB)
    assert fetch.calls == 1


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_a_base_in_qcow2(images_type, instance, tmp_path):
    def fetch(path):
        (tmp_path / "raw").write_bytes(CONTENT)
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", tmp_path / "raw", path], check=True)

    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 2 * MIB)
    assert as_raw(disk, tmp_path) == CONTENT.ljust(2 * MIB, b"\0")


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_preallocation_takes_the_space(images_type, instance, fetch, override):
    override("preallocate_images", "space")
    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 4 * MIB)
    assert disk.path.stat().st_blocks * 512 >= 4 * MIB
    assert disk.get_disk_size() == 4 * MIB


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_a_disk_grows_and_never_shrinks(images_type, instance, fetch):
    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 2 * MIB)
    disk.resize_image(MIB)
    assert disk.get_disk_size() == 2 * MIB
    disk.resize_image(5 * MIB)
    assert disk.get_disk_size() == 5 * MIB


def test_a_guest_cannot_tell_us_the_size_of_its_raw_disk(instance, fetch):
    disk = Backend("raw").by_name(instance, "disk")
    disk.cache(fetch, "base", 2 * MIB)
    with open(disk.path, "r+b") as stream:
        stream.write(b"QFI\xfb" + b"\0\0\0\3" + b"\0" * 16 + b"\xff" * 8)
    assert disk.get_disk_size() == 2 * MIB
