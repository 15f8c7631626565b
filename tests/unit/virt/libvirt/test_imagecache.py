"""The image cache removes only files that are not needed."""

import os
import threading
import time

import pytest

from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.disks import get_cache_fname
from nova_mini.virt.libvirt.imagecache import ImageCacheManager
from tests import servers
from tests.unit.virt.disk_files import write_qcow2

DAY = 24 * 3600


def cached(name: str, age: float = 2 * DAY):
    path = utils.base_dir() / name
    path.write_bytes(b"image")
    os.utime(path, (time.time() - age,) * 2)
    return path


def overlay_of(path, name="disk"):
    directory = utils.get_instance_path(servers.make_instance())
    directory.mkdir(exist_ok=True)
    return write_qcow2(directory / name, backing=str(path))


@pytest.fixture
def update():
    return ImageCacheManager().update


def test_an_old_unused_image_is_removed(update):
    path = cached("old")
    update(set())
    assert not path.exists()


def test_a_recent_image_is_kept(update):
    path = cached("young", age=60)
    update(set())
    assert path.exists()


def test_the_image_of_an_instance_is_kept(update):
    path = cached(get_cache_fname("image"))
    update({"image", ""})
    assert path.exists()
    update({"other"})
    assert not path.exists()


@pytest.mark.parametrize("name", ["disk", "disk.eph0", "disk.part"])
def test_a_backing_file_is_kept(update, name):
    path = cached("base")
    disk = overlay_of(path, name)
    update(set())
    assert path.exists()
    disk.unlink()
    update(set())
    assert not path.exists()


def test_a_disk_without_a_backing_file_keeps_no_image(update):
    path = cached("base")
    directory = utils.get_instance_path(servers.make_instance())
    directory.mkdir()
    (directory / "disk").write_bytes(b"no header at all")
    update(set())
    assert not path.exists()


def test_unfinished_files_are_removed(update):
    half, young = cached("image.part"), cached("image.converted", age=5)
    update(set())
    assert not half.exists()
    assert young.exists()


def test_nothing_is_removed_if_disabled(update, override):
    override("remove_unused_base_images", False, "image_cache")
    path = cached("old")
    update(set())
    assert path.exists()


def test_a_file_that_is_used_meanwhile_is_kept(update):
    """A build holds the lock and uses the file before it releases the lock."""
    path = cached("old")
    held, release = threading.Event(), threading.Event()

    def build():
        with utils.cache_lock("old"):
            held.set()
            release.wait(10)
            os.utime(path)

    threads = [threading.Thread(target=build)]
    threads[0].start()
    assert held.wait(10)
    threads.append(threading.Thread(target=update, args=(set(),)))
    threads[1].start()
    time.sleep(0.2)
    assert path.exists()
    release.set()
    for thread in threads:
        thread.join(10)
    assert path.exists()


@pytest.mark.parametrize("images_type", ["raw", "flat"])
def test_the_content_of_a_disk_does_not_keep_an_image(update, override, images_type):
    override("images_type", images_type, "libvirt")
    path = cached("base")
    overlay_of(path)  # as a guest can make its raw disk look
    update(set())
    assert not path.exists()
