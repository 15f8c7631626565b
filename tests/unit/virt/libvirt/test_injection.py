"""Injection is off unless it is asked for, and asked for where it cannot be is said at the start.

What it writes is seen with libguestfs itself, in ``tests/integration/libvirt/test_injection.py``.
"""

from __future__ import annotations

import sys

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt import disks, injection, utils
from nova_mini.virt.libvirt.imagebackend import Backend
from tests import servers
from tests.unit.virt.disk_files import needs_qemu_img

INFO = disks.InjectionInfo([], [("/etc/motd", b"hello")], "s3cret")


@pytest.fixture
def without_libguestfs(monkeypatch):
    monkeypatch.setitem(sys.modules, "guestfs", None)


def test_nothing_is_wanted_unless_somebody_asks(without_libguestfs):
    assert not injection.is_wanted()
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


def test_what_goes_in_is_for_the_operator_to_say(override):
    instance = servers.make_instance(key_data="ssh-rsa key")
    assert not injection.Injected.wanted(instance, disks.InjectionInfo([], [], "s3cret"))
    override("inject_key", True, "libvirt")
    override("inject_password", True, "libvirt")
    wanted = injection.Injected.wanted(instance, INFO)
    assert (wanted.key, wanted.root_password) == ("ssh-rsa key", "s3cret")
    assert "s3cret" not in repr(wanted) and "hello" not in repr(wanted)


def test_a_password_replaces_that_of_root_alone():
    lines = ["root:*:19000:0:99999:7:::", "daemon:*:19000:0:99999:7:::"]
    assert list(injection._with_password(lines, "$6$x")) == [
        "root:$6$x:19000:0:99999:7:::", lines[1]
    ]  # fmt: skip


@needs_qemu_img
def test_only_a_disk_that_is_being_made_is_finished(tmp_path):
    """One that has its name may have a guest."""
    instance = servers.make_instance()
    utils.get_instance_path(instance).mkdir()
    seen = []
    for _ in range(2):
        disk = Backend("raw").by_name(instance, "disk")
        disk.finish = lambda path, driver_format: seen.append((path.name, driver_format))
        disk.cache(lambda path: path.write_bytes(bytes(1 << 20)), "base", 1 << 20)
    assert seen == [("disk.part", "raw")]
