"""What the host still has to give, with what it has promised taken off."""

import os
import pathlib

from nova_mini.virt.libvirt import resources, utils
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
    assert resources._promised_bytes() == 3 * GIB - allocated


def test_a_sparse_raw_disk_too(override):
    override("images_type", "raw", "libvirt")
    path = instance_dir()
    with open(path / "disk", "wb") as stream:
        stream.truncate(2 * GIB)
    assert resources._promised_bytes() == 2 * GIB


def test_what_is_no_disk_promises_nothing():
    path = instance_dir()
    write_qcow2(path / "disk.part", size=GIB)
    (path / "disk.config").write_bytes(b"iso")
    (path / "console.log").write_bytes(b"text")
    assert resources._promised_bytes() == 0


def test_memory_is_the_kernels_own_figure():
    found = resources._meminfo_mb()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    assert abs(found["MemTotal"] - pages) <= 1
    assert 0 < found["MemAvailable"] <= found["MemTotal"]
