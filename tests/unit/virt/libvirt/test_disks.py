"""Ephemeral disks and swap carry what the guest expects to find on them."""

import os
import pathlib
import shutil
import subprocess

import pytest

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt.libvirt import disks, utils
from nova_mini.virt.libvirt.imagebackend import Backend
from tests import servers

needs_mkfs = pytest.mark.skipif(
    not (shutil.which("mkfs.ext4") and shutil.which("mkswap") and shutil.which("blkid")),
    reason="e2fsprogs or util-linux is missing",
)


def label_and_type(path) -> dict[str, str]:
    output = subprocess.check_output(["blkid", "-p", "-o", "export", path], text=True)
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


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
    asked = {"ephemerals": [{"size": 1}, {"size": 1, "guest_format": "ext3"}]}
    disks.create_ephemerals(instance, Backend("raw"), asked)
    path = utils.get_instance_path(instance)
    first, second = (label_and_type(path / f"disk.eph{index}") for index in range(2))
    assert (first["LABEL"], first["TYPE"]) == ("ephemeral0", "ext4")
    assert (second["LABEL"], second["TYPE"]) == ("ephemeral1", "ext3")
    assert (path / "disk.eph0").stat().st_size == 1 << 30
    assert (path / "disk.eph0").stat().st_blocks * 512 < 64 << 20


@needs_mkfs
def test_the_operators_file_system(make, override):
    override("default_ephemeral_format", "ext2")
    instance = make(ephemeral_gb=1)
    disks.create_ephemerals(instance, Backend("raw"), None)
    assert label_and_type(utils.get_instance_path(instance) / "disk.eph0")["TYPE"] == "ext2"


@needs_mkfs
def test_swap_of_the_flavor(make):
    instance = make(swap=16)
    disks.create_swap(instance, Backend("raw"), None)
    path = utils.get_instance_path(instance) / "disk.swap"
    assert label_and_type(path)["TYPE"] == "swap"
    assert path.stat().st_size == 16 << 20


def test_no_swap_and_no_ephemeral_disk_unless_asked(make):
    instance = make()
    disks.create_swap(instance, Backend("raw"), {"swap": None})
    disks.create_ephemerals(instance, Backend("raw"), {"ephemerals": []})
    assert list(utils.get_instance_path(instance).iterdir()) == []


def test_secrets_of_a_guest_do_not_show_in_a_log():
    info = disks.InjectionInfo([], [("/etc/key", b"private")], "secret-password")
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


def test_an_image_is_cached_once_and_kept_young():
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
    """Where the image cache of a host named ``other`` is."""
    root, programs = tmp_path / "other", tmp_path / "bin"
    programs.mkdir()
    (programs / "scp").write_text(SCP)
    (programs / "scp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("OTHER_HOST", str(root))
    cache = pathlib.Path(f"{root}{utils.base_dir()}")
    cache.mkdir(parents=True)
    return cache


def test_an_image_that_glance_lost_is_copied_from_the_other_host(make, other_host):
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
def test_an_image_that_nobody_has_is_not_found(make, other_host, host):
    root = Backend("raw").by_name(make(), "disk")
    with pytest.raises(exception.ImageNotFound):
        disks.fetch_image(None, GlanceWithout(), root, "image", fallback_from_host=host)
    assert not root.exists() and list(utils.base_dir().iterdir()) == []


def test_an_image_that_is_here_is_not_asked_for(make):
    base = utils.base_dir() / disks.get_cache_fname("image")
    base.parent.mkdir(parents=True, exist_ok=True)
    base.write_bytes(b"content")
    root = Backend("raw").by_name(make(), "disk")
    disks.fetch_image(None, GlanceWithout(), root, "image")
    assert root.path.read_bytes() == b"content"
