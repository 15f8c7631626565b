"""The free resources of the host, without the space into which disks can still grow."""

import os
import pathlib

import pytest

from nova_mini.virt.libvirt import host_numa, resources, utils
from nova_mini.virt.libvirt.host import Capabilities
from nova_mini.virt.libvirt.imagebackend.base import Storage
from tests import servers
from tests.unit.virt.disk_files import write_qcow2

GIB = 1 << 30


def instance_dir() -> pathlib.Path:
    path = utils.get_instance_path(servers.make_instance())
    path.mkdir()
    return path


def test_an_overlay_may_grow_to_its_virtual_size():
    path = instance_dir()
    write_qcow2(path / "disk", size=3 * GIB)
    allocated = (path / "disk").stat().st_blocks * 512
    assert resources._growth_bytes() == 3 * GIB - allocated


def test_a_sparse_raw_disk_may_grow_to_its_size(override):
    override("images_type", "raw", "libvirt")
    path = instance_dir()
    with open(path / "disk", "wb") as stream:
        stream.truncate(2 * GIB)
    assert resources._growth_bytes() == 2 * GIB


def test_files_that_are_no_disks_do_not_grow():
    path = instance_dir()
    write_qcow2(path / "disk.part", size=GIB)
    (path / "disk.config").write_bytes(b"iso")
    (path / "console.log").write_bytes(b"text")
    assert resources._growth_bytes() == 0


class Host:
    capabilities = Capabilities("x86_64", {"arch": "x86_64"}, [("x86_64", ["kvm"])], frozenset())

    def get_version(self):
        return 7_002_000


@pytest.fixture(autouse=True)
def traits(monkeypatch):
    """Need libvirt; ``test_traits`` has their tests."""
    monkeypatch.setattr(resources.traits, "of_host", lambda host: ["COMPUTE_NODE"])


def test_files_are_in_the_file_system_of_the_instances_path():
    disk = os.statvfs(utils.instances_path())
    found = resources.get_available_resource(Host(), "h1", None)
    assert found.local_gb == disk.f_blocks * disk.f_frsize // GIB
    assert found.disk_pool is None
    write_qcow2(instance_dir() / "disk", size=1 << 50)
    assert resources.get_available_resource(Host(), "h1", None).disk_available_least < 0


def test_a_storage_is_reported_as_the_disk_of_the_host():
    storage = Storage(pool="rbd:fsid/vms", total=100 * GIB, free=40 * GIB)
    found = resources.get_available_resource(Host(), "h1", storage)
    assert (found.local_gb, found.disk_available_least, found.disk_pool) == (
        100,
        40,
        "rbd:fsid/vms",
    )
    assert found.supported_instances == [["x86_64", "kvm", "hvm"]]


def test_memory_is_read_from_meminfo():
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    assert abs(host_numa.total_memory_mb() - pages) <= 1
