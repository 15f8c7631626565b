"""The commands that are sent to LVM, and how their output is read.

``tests/nightly/test_lvm_disks.py`` runs them with LVM itself.
"""

from __future__ import annotations

import json

import pytest
from oslo_concurrency import processutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt import LibvirtDriver, utils
from nova_mini.virt.libvirt.blockinfo import DiskDevice
from nova_mini.virt.libvirt.imagebackend import factory
from nova_mini.virt.libvirt.imagebackend.base import Storage
from nova_mini.virt.libvirt.storage import lvm
from tests import servers

MIB = 1 << 20


class Commands:
    """Replaces the host's programs: records the commands, and answers two of them."""

    def __init__(self):
        self.commands: list[tuple[str, ...]] = []
        self.volumes: list[dict] = []
        self.fail = None

    def __call__(self, *argv: str) -> tuple[str, str]:
        self.commands.append(argv)
        if self.fail:
            raise self.fail
        if argv[0] == "lvs":
            return json.dumps({"report": [{"lv": self.volumes}]}), ""
        if argv[0] == "vgs":
            row = {"vg_size": str(100 << 30), "vg_free": str(40 << 30)}
            return json.dumps({"report": [{"vg": [row]}]}), ""
        return "", "WARNING: something"

    def add(self, name: str, size: int = 8 * MIB, tags: str = "") -> None:
        self.volumes.append({"lv_name": name, "lv_size": str(size), "lv_tags": tags})

    @property
    def changes(self) -> list[tuple[str, ...]]:
        return [argv for argv in self.commands if argv[0] not in ("lvs", "vgs")]


@pytest.fixture
def commands(monkeypatch):
    made = Commands()
    monkeypatch.setattr(lvm.processutils, "execute", made)
    return made


@pytest.fixture
def backend(override, commands):
    override("images_type", "lvm", "libvirt")
    override("images_volume_group", "guests", "libvirt")
    return factory.load_backend("lvm", None)


@pytest.mark.parametrize("name", ["-y", "--help", "a/b", "@tag", "", "a b", "a;b"])
def test_a_wrong_group_name_is_refused(tmp_path, name):
    path = tmp_path / "nova-mini.conf"
    path.write_text(f"[libvirt]\nimages_volume_group = '{name}'\n")
    CONF([], project="nova-mini", default_config_files=[str(path)])
    with pytest.raises(ValueError):
        factory.load_backend("lvm", None)


def test_a_host_without_a_group_does_not_start(override):
    with pytest.raises(exception.ConfigurationError, match="images_volume_group"):
        factory.load_backend("lvm", None)


@pytest.mark.parametrize(
    "failure",
    [
        processutils.ProcessExecutionError(stderr='  Volume group "guests" not found\n'),
        FileNotFoundError(2, "No such file or directory"),
    ],
)
def test_a_host_whose_group_is_missing_does_not_start(backend, commands, failure):
    backend.init_host()
    commands.fail = failure
    with pytest.raises(exception.ConfigurationError) as caught:
        backend.init_host()
    message = str(caught.value)
    assert "vgcreate guests" in message and "vgs" in message
    assert ("not found" in message) or ("No such file" in message)


def test_the_paths_of_disks(backend):
    instance = servers.make_instance()
    disk = backend.by_name(instance, "disk")
    config = disk.libvirt_info(DiskDevice("virtio", "vda"))
    assert config.place == ("block", None, f"/dev/guests/{instance.uuid}_disk")
    assert (config.driver_format, config.driver_cache) == ("raw", "none")
    drive = backend.by_name(instance, "disk.config")
    assert drive.path == utils.get_instance_path(instance) / "disk.config"


def test_a_volume_with_the_tag_is_no_disk(backend, commands):
    instance = servers.make_instance()
    disk = backend.by_name(instance, "disk")
    assert not disk.exists()
    commands.add(f"{instance.uuid}_disk", tags="of-the-operator,nova-mini-unfinished")
    assert not disk.exists()
    commands.volumes.clear()
    commands.add(f"{instance.uuid}_disk", size=12 * MIB, tags="of-the-operator")
    assert disk.exists()
    assert disk.get_disk_size() == 12 * MIB


def test_only_names_with_a_uuid_have_owners(backend, commands):
    instance = servers.make_instance()
    for name in (f"{instance.uuid}_disk", f"volume-{instance.uuid}", "root", "a_b", "home_disk"):
        commands.add(name)
    assert backend.list_local_owners() == {instance.uuid}
    backend.remove_disks(instance.uuid)
    assert {argv[-1] for argv in commands.changes} == {
        f"guests/{instance.uuid}_disk",
        f"/dev/guests/{instance.uuid}_disk",
    }


def test_a_volume_is_tagged_and_cleared_before_it_is_removed(backend, commands):
    uuid = servers.make_instance().uuid
    commands.add(f"{uuid}_disk", size=8 * MIB)
    backend.remove_disks(uuid)
    assert [argv[0] for argv in commands.changes] == [
        "lvchange",
        "lvchange",
        "blkdiscard",
        "lvremove",
    ]
    assert commands.changes[0][1] == "--addtag"


@pytest.mark.parametrize(
    ("how", "size", "arguments"),
    [
        ("zero", 0, ("blkdiscard", "--zeroout", str(8 * MIB))),
        ("zero", 3, ("blkdiscard", "--zeroout", str(3 * MIB))),
        ("shred", 9, ("shred", "--iterations", str(8 * MIB))),
        ("none", 0, ()),
    ],
)
def test_volume_clear_selects_the_command(backend, commands, override, how, size, arguments):
    override("volume_clear", how, "libvirt")
    override("volume_clear_size", size, "libvirt")
    uuid = servers.make_instance().uuid
    commands.add(f"{uuid}_disk", size=8 * MIB)
    backend.remove_disks(uuid)
    clearing = [argv for argv in commands.changes if not argv[0].startswith("lv")]
    assert all(set(arguments) <= set(argv) for argv in clearing)
    assert len(clearing) == bool(arguments)


def test_a_disk_grows_and_never_shrinks(backend, commands):
    instance = servers.make_instance()
    commands.add(f"{instance.uuid}_disk", size=8 * MIB)
    disk = backend.by_name(instance, "disk")
    disk.resize_image(4 * MIB)
    disk.resize_image(8 * MIB)
    assert commands.changes == []
    disk.resize_image(8 * MIB + 1)
    ((*command, name),) = commands.changes
    assert command == ["lvextend", "--size", f"{8 * MIB // 512 + 1}s"]
    assert name == f"guests/{instance.uuid}_disk"


def test_errors_have_the_message_of_lvm(backend, commands):
    commands.fail = processutils.ProcessExecutionError(stderr="  insufficient free space\n")
    with pytest.raises(exception.LvmFailed, match="lvs: insufficient free space"):
        backend.list_local_owners()


def test_the_group_is_the_storage_of_one_host(backend):
    assert backend.get_storage() == Storage(pool=None, total=100 << 30, free=40 << 30)


def test_an_instance_with_only_a_volume_left_is_listed(backend, commands, monkeypatch):
    """So that the periodic task removes it."""
    driver = LibvirtDriver(None)
    monkeypatch.setattr(driver._host, "list_instance_uuids", list)
    uuid = servers.make_instance().uuid
    commands.add(f"{uuid}_disk", tags="nova-mini-unfinished")
    assert driver.list_instance_uuids() == [uuid]
