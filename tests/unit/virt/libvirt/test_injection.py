"""Injection is off by default; if it is enabled but not possible, the service does not start.

``tests/integration/libvirt/test_injection.py`` tests it with libguestfs.
"""

from __future__ import annotations

import sys

import pytest

from nova_mini import exception
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.libvirt import disks, injection, utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers
from tests.unit.virt.disk_files import needs_qemu_img

INFO = disks.InjectionInfo(NetworkInfo(), [("/etc/motd", b"hello")], "s3cret")


@pytest.fixture
def without_libguestfs(monkeypatch):
    monkeypatch.setitem(sys.modules, "guestfs", None)


def test_injection_is_off_by_default(without_libguestfs):
    assert not injection.is_enabled()
    injection.check_host()


def test_a_host_without_libguestfs_does_not_start(without_libguestfs, override):
    override("inject_partition", -1, "libvirt")
    with pytest.raises(exception.ConfigurationError, match="python3-guestfs.*inject_partition=-2"):
        injection.check_host()


def test_a_host_whose_disks_are_in_ceph_does_not_start(override):
    override("inject_partition", 1, "libvirt")
    override("images_type", "rbd", "libvirt")
    with pytest.raises(exception.ConfigurationError, match="images_type=rbd"):
        injection.check_host()


def test_the_operator_chooses_the_injected_data(override):
    instance = servers.make_instance(key_data="ssh-rsa key")
    assert not injection.Injected.requested(
        instance, disks.InjectionInfo(NetworkInfo(), [], "s3cret")
    )
    override("inject_key", True, "libvirt")
    override("inject_password", True, "libvirt")
    injected = injection.Injected.requested(instance, INFO)
    assert (injected.key, injected.root_password) == ("ssh-rsa key", "s3cret")
    assert "s3cret" not in repr(injected) and "hello" not in repr(injected)


def test_only_the_password_of_root_is_replaced():
    lines = ["root:*:19000:0:99999:7:::", "daemon:*:19000:0:99999:7:::"]
    assert list(injection._with_password(lines, "$6$x")) == [
        "root:$6$x:19000:0:99999:7:::",
        lines[1],
    ]


@needs_qemu_img
def test_an_existing_disk_is_not_changed(tmp_path):
    """A disk with its final name may be in use by a guest."""
    instance = servers.make_instance()
    utils.get_instance_path(instance).mkdir()
    seen = []
    for _ in range(2):
        disk = Backend("raw").by_name(instance, "disk")
        disk.finish = lambda path, driver_format: seen.append((path.name, driver_format))
        disk.cache(lambda path: path.write_bytes(bytes(1 << 20)), "base", 1 << 20)
    assert seen == [("disk.part", "raw")]
