"""A build copies an image from another host if Glance does not have it any more."""

import pathlib
import shutil
import uuid

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.disks import get_cache_fname
from tests import servers
from tests.integration.cloud.harness import node
from tests.integration.libvirt import cloud, other_host

pytestmark = pytest.mark.skipif(not node.NAME, reason="configures ssh, for which it has a node")


@pytest.fixture
def other_cache(driver, tmp_path):
    with other_host.running(tmp_path / "other", utils.instances_path()) as instances:
        cache = instances / utils.base_dir().name
        cache.mkdir()
        yield cache


@pytest.fixture
def instance():
    return servers.make_instance(image_ref=str(uuid.uuid4()))


@pytest.mark.parametrize("file", ["disk.raw", "disk.qcow2"])
def test_a_guest_boots_from_the_other_hosts_copy(
    driver, console, guest_image, other_cache, instance, file
):
    base = other_cache / get_cache_fname(instance.image_ref)
    shutil.copyfile(guest_image / file, base)
    cloud.spawn(driver, instance, fallback_from_host=other_host.NAME)
    console(instance, "GUEST: ready")
    (copy,) = utils.base_dir().iterdir()
    assert copy.name == base.name and copy.read_bytes() == base.read_bytes()
    assert _blocks(copy) <= _blocks(guest_image / file) + 8


def _blocks(path: pathlib.Path) -> int:
    return path.stat().st_blocks


def test_an_image_that_the_other_host_does_not_have_ends_the_build(driver, other_cache, instance):
    with pytest.raises(exception.BuildAbortException, match="could not be found"):
        cloud.spawn(driver, instance, fallback_from_host=other_host.NAME)
    assert list(utils.base_dir().iterdir()) == []
    driver.destroy(None, instance)
    assert not utils.get_instance_path(instance).exists()
