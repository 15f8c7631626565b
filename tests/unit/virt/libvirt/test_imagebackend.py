"""Disks are made once and completely, with the right size."""

import os
import subprocess

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers
from tests.unit.virt.disk_files import needs_qemu_img, write_qcow2

MIB = 1 << 20
CONTENT = os.urandom(4096).ljust(MIB, b"\0")

pytestmark = needs_qemu_img


class Fetch:
    """Makes the base and counts the calls."""

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
def test_files_of_an_interrupted_attempt_are_no_disk(images_type, instance, fetch, tmp_path):
    disk = Backend(images_type).by_name(instance, "disk")
    (disk.path.parent / "disk.part").write_bytes(b"half")
    disk.cache(fetch, "base", 2 * MIB)
    assert as_raw(disk, tmp_path).startswith(CONTENT)
    assert not (disk.path.parent / "disk.part").exists()


def test_an_existing_disk_is_kept(instance, fetch):
    disk = Backend("raw").by_name(instance, "disk")
    disk.cache(fetch, "base", 2 * MIB)
    with open(disk.path, "r+b") as stream:
        stream.write(b"written by the guest")
    disk.cache(fetch, "base", 2 * MIB)
    assert disk.path.read_bytes().startswith(b"written by the guest")


@pytest.mark.parametrize(("images_type", "calls"), [("qcow2", 2), ("raw", 1)])
def test_a_missing_base_is_fetched_only_for_disks_that_need_it(images_type, calls, instance, fetch):
    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 0)
    (utils.base_dir() / "base").unlink()
    disk.cache(fetch, "base", 0)
    assert fetch.calls == calls


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_a_flattened_disk_needs_no_base(images_type, instance, fetch, tmp_path):
    """Its base may be removed and is not fetched again for it."""
    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 3 * MIB)
    for _ in range(2):
        disk.flatten()
    (utils.base_dir() / "base").unlink()
    assert as_raw(disk, tmp_path) == CONTENT.ljust(3 * MIB, b"\0")
    disk.cache(fetch, "another", 3 * MIB)
    assert fetch.calls == 1


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_disks_from_a_base_in_qcow2(images_type, instance, tmp_path):
    def fetch(path):
        (tmp_path / "raw").write_bytes(CONTENT)
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", tmp_path / "raw", path], check=True)

    disk = Backend(images_type).by_name(instance, "disk")
    disk.cache(fetch, "base", 2 * MIB)
    assert as_raw(disk, tmp_path) == CONTENT.ljust(2 * MIB, b"\0")


@pytest.mark.parametrize("images_type", ["qcow2", "raw"])
def test_preallocation_allocates_the_space(images_type, instance, fetch, override):
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


def test_the_size_of_a_raw_disk_is_not_read_from_its_content(instance, fetch):
    disk = Backend("raw").by_name(instance, "disk")
    disk.cache(fetch, "base", 2 * MIB)
    with open(disk.path, "r+b") as stream:
        stream.write(b"QFI\xfb" + b"\0\0\0\3" + b"\0" * 16 + b"\xff" * 8)
    assert disk.get_disk_size() == 2 * MIB


# -- the format of a disk is never guessed: its guest writes what it likes -------------------------


@pytest.mark.parametrize("name", ["disk", "disk.eph0", "disk.swap"])
@pytest.mark.parametrize("images_type", ["raw", "qcow2"])
def test_a_raw_disk_with_a_qcow2_header_stays_raw(instance, fetch, tmp_path, images_type, name):
    """A raw disk with the header of an overlay is grown and copied without its "backing file"."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"of the host".ljust(MIB))
    header = write_qcow2(tmp_path / "header", size=MIB, backing=str(secret)).read_bytes()
    disk = Backend(images_type).by_name(instance, name)
    disk.cache(fetch, "base", 2 * MIB)
    if images_type == "raw":
        with open(disk.path, "r+b") as stream:
            stream.write(header)
    else:  # what a guest of such a disk writes is inside
        inside = tmp_path / "inside"
        inside.write_bytes(header.ljust(2 * MIB, b"\0"))
        command = ["qemu-img", "convert", "-n", "-f", "raw", "-O", "qcow2", inside, disk.path]
        subprocess.run(command, check=True)
    disk.resize_image(3 * MIB)
    assert disk.get_disk_size() == 3 * MIB
    content = as_raw(disk, tmp_path)
    assert content.startswith(header) and len(content) == 3 * MIB
    assert b"of the host" not in content
