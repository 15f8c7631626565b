"""Ephemeral disks, swap and cached images."""

import os
import pathlib
import shutil
import subprocess

import pytest

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.block_device_info import BlockDeviceInfo, EphemeralDisk, SwapDisk
from nova_mini.virt.libvirt import blockinfo, disks, utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers

needs_mkfs = pytest.mark.skipif(
    not (shutil.which("mkfs.ext4") and shutil.which("mkswap") and shutil.which("blkid")),
    reason="e2fsprogs or util-linux is missing",
)


def label_and_type(path) -> dict[str, str]:
    output = subprocess.check_output(["blkid", "-p", "-o", "export", path], text=True)
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def empty_disks(*ephemerals_gb, swap_mb=None) -> BlockDeviceInfo:
    return BlockDeviceInfo(
        ephemerals=[EphemeralDisk(size_gb=size) for size in ephemerals_gb],
        swap=swap_mb and SwapDisk(size_mb=swap_mb),
    )


@pytest.fixture
def make():
    def instance(**flavor):
        made = servers.make_instance(servers.make_flavor(**flavor))
        utils.get_instance_path(made).mkdir()
        return made

    return instance


@needs_mkfs
def test_ephemeral_disks_are_formatted_and_labelled(make):
    instance = make()
    requested = BlockDeviceInfo(
        ephemerals=[EphemeralDisk(size_gb=1), EphemeralDisk(size_gb=1, guest_format="ext3")]
    )
    disks.create_ephemerals(instance, Backend("raw"), requested)
    path = utils.get_instance_path(instance)
    first, second = (label_and_type(path / f"disk.eph{index}") for index in range(2))
    assert (first["LABEL"], first["TYPE"]) == ("ephemeral0", "ext4")
    assert (second["LABEL"], second["TYPE"]) == ("ephemeral1", "ext3")
    assert (path / "disk.eph0").stat().st_size == 1 << 30
    assert (path / "disk.eph0").stat().st_blocks * 512 < 64 << 20


@needs_mkfs
def test_the_default_file_system_of_the_operator(make, override):
    override("default_ephemeral_format", "ext2")
    instance = make(ephemeral_gb=1)
    disks.create_ephemerals(instance, Backend("raw"), blockinfo.disks_of_flavor(instance))
    assert label_and_type(utils.get_instance_path(instance) / "disk.eph0")["TYPE"] == "ext2"


@needs_mkfs
def test_a_swap_disk_of_the_flavors_size(make):
    instance = make(swap=16)
    disks.create_swap(instance, Backend("raw"), blockinfo.disks_of_flavor(instance))
    path = utils.get_instance_path(instance) / "disk.swap"
    assert label_and_type(path)["TYPE"] == "swap"
    assert path.stat().st_size == 16 << 20


def test_no_swap_and_no_ephemeral_disk_unless_requested(make):
    instance = make()
    disks.create_swap(instance, Backend("raw"), BlockDeviceInfo())
    disks.create_ephemerals(instance, Backend("raw"), BlockDeviceInfo())
    assert list(utils.get_instance_path(instance).iterdir()) == []


@pytest.mark.parametrize(
    "info",
    [
        empty_disks(5000, -5000),
        empty_disks(0),
        empty_disks(2),
        empty_disks(swap_mb=17),
        empty_disks(swap_mb=-1),
    ],
)
def test_empty_disks_that_exceed_the_flavor_are_refused(make, info):
    """The records may be older than the API's check of them."""
    with pytest.raises(exception.InvalidBDM):
        disks.check_empty_disks(make(ephemeral_gb=1, swap=16), info)


def test_empty_disks_that_fit_the_flavor(make):
    instance = make(ephemeral_gb=2, swap=16)
    disks.check_empty_disks(instance, empty_disks(1, 1, swap_mb=16))
    disks.check_empty_disks(instance, blockinfo.disks_of_flavor(instance))
    disks.check_empty_disks(make(), BlockDeviceInfo())


def test_an_unknown_file_system_is_refused(make, tmp_path):
    """The name of the file system is a path to a file of the host."""
    name = "../../../secret"
    (utils.base_dir() / "ephemeral0_1_..").mkdir()
    (tmp_path / "secret").write_text("of the host")
    instance = make(ephemeral_gb=1)
    with pytest.raises(exception.InvalidBDM, match="guest_format"):
        requested = BlockDeviceInfo(ephemerals=[EphemeralDisk(size_gb=1, guest_format=name)])
        disks.create_ephemerals(instance, Backend("raw"), requested)
    assert not (utils.get_instance_path(instance) / "disk.eph0").exists()


def test_a_root_disk_without_an_image_is_refused(make):
    """The root volume is not connected: no empty disk may take its place."""
    info = disks.InjectionInfo(NetworkInfo(), [], None)
    instance = make()
    with pytest.raises(exception.InvalidBDM, match="root volume is not connected"):
        disks.create_root(None, None, instance, None, Backend("qcow2"), info)
    assert list(utils.get_instance_path(instance).iterdir()) == []


def test_secrets_of_a_guest_are_not_in_the_repr():
    info = disks.InjectionInfo(NetworkInfo(), [("/etc/key", b"private")], "secret-password")
    assert "private" not in repr(info)
    assert "secret-password" not in repr(info)


# -- images that are fetched before they are needed ----------------------------------------------


class Glance:
    downloads = 0

    def get(self, context, image_id, include_locations=False):
        return ImageMeta(id=image_id, disk_format="raw", container_format="bare")

    def download(self, context, image_id, target_path):
        self.downloads += 1
        pathlib.Path(target_path).write_bytes(b"raw" * 1024)


def test_an_image_is_fetched_once_and_its_age_is_reset():
    glance, backend = Glance(), Backend("qcow2")
    assert disks.cache_image(None, glance, backend, "image")
    base = utils.base_dir() / disks.get_cache_fname("image")
    assert base.stat().st_size == 3 * 1024
    os.utime(base, (0, 0))
    assert not disks.cache_image(None, glance, backend, "image")
    assert glance.downloads == 1
    assert base.stat().st_mtime > 0


# -- images that Glance does not have any more ----------------------------------------------------


class GlanceWithout:
    def get(self, context, image_id, include_locations=False):
        raise exception.ImageNotFound(image_id=image_id)


SCP = """\
#!/bin/sh
for word; do source=$target; target=$word; done
[ "${source%%:*}" = other ] && exec cp --sparse=never "$OTHER_HOST${source#*:}" "$target"
"""


@pytest.fixture
def other_host(tmp_path, monkeypatch):
    """The image cache of a host named ``other``."""
    root, programs = tmp_path / "other", tmp_path / "bin"
    programs.mkdir()
    (programs / "scp").write_text(SCP)
    (programs / "scp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("OTHER_HOST", str(root))
    cache = pathlib.Path(f"{root}{utils.base_dir()}")
    cache.mkdir(parents=True)
    return cache


def test_an_image_that_is_not_in_glance_is_copied_from_another_host(make, other_host):
    instance, name = make(), disks.get_cache_fname("image")
    content = b"first" + bytes(8 << 20) + b"last"
    (other_host / name).write_bytes(content)
    root = Backend("raw").by_name(instance, "disk")
    disks.fetch_image(None, GlanceWithout(), root, "image", 16 << 20, fallback_from_host="other")
    with open(root.path, "rb") as stream:
        assert stream.read(len(content)) == content
    base = utils.base_dir() / name
    assert base.read_bytes() == content
    assert base.stat().st_blocks * 512 < 1 << 20
    assert [path.name for path in utils.base_dir().iterdir()] == [name]


@pytest.mark.parametrize("host", [None, "other", "stranger"])
def test_an_image_without_any_source_is_not_found(make, other_host, host):
    root = Backend("raw").by_name(make(), "disk")
    with pytest.raises(exception.ImageNotFound):
        disks.fetch_image(None, GlanceWithout(), root, "image", fallback_from_host=host)
    assert not root.exists() and list(utils.base_dir().iterdir()) == []


def test_a_cached_image_is_used_if_glance_does_not_have_it(make):
    base = utils.base_dir() / disks.get_cache_fname("image")
    base.parent.mkdir(parents=True, exist_ok=True)
    base.write_bytes(b"content")
    root = Backend("raw").by_name(make(), "disk")
    disks.fetch_image(None, GlanceWithout(), root, "image")
    assert root.path.read_bytes() == b"content"
