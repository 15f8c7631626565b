"""Local disks of a guest that moves while it runs: what the source says, what the destination
checks and makes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import types

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt import images
from nova_mini.virt.block_device_info import BlockDeviceInfo, EphemeralDisk, SwapDisk
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.blockinfo import DiskDevice, DiskInfo
from nova_mini.virt.libvirt.config import DomainDevices
from nova_mini.virt.libvirt.imagebackend.base import Storage
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.migration import copy_targets, disk_checks, folder_mark, local_disks
from nova_mini.virt.libvirt.migration.local_disks import LocalDisks, LocalFile
from tests import servers
from tests.unit.virt.disk_files import needs_qemu_img, write_qcow2

MIB = 1 << 20
POOL = "rbd:fsid/vms"
REFUSED = exception.MigrationPreCheckError


@pytest.fixture
def instance():
    made = servers.make_instance()
    utils.get_instance_path(made).mkdir()
    return made


class StorageBackend(Backend):
    """Disks in a pool or, without one, in logical volumes."""

    def __init__(self, pool: str | None = POOL):
        super().__init__("default")
        self.is_shared = pool is not None
        self._pool = pool

    def get_storage(self) -> Storage:
        return Storage(self._pool, 0, 0)


# -- the source ----------------------------------------------------------------------------------


class Guest:
    """A running guest with these files as disks: name -> (device, format, type)."""

    def __init__(self, instance, **disks: tuple[str, str, str]):
        self.uuid = instance.uuid
        folder = utils.get_instance_path(instance)
        self._xml = "<domain><devices>" + "".join(
            f"<disk type='file' device='{kind}'><driver name='qemu' type='{form}'/>"
            f"<source file='{folder / name.replace('_', '.')}'/>"
            f"<target dev='{dev}' bus='virtio'/></disk>"
            for name, (dev, form, kind) in disks.items()
        )
        self._xml += (
            "<disk type='network' device='disk'><driver name='qemu' type='raw'/>"
            "<source protocol='rbd' name='volumes/volume-1'/><target dev='vdz' bus='virtio'/>"
            "</disk></devices></domain>"
        )

    def get_devices(self) -> DomainDevices:
        return DomainDevices.parse_str(self._xml)

    def get_disk_size(self, device: str) -> int:
        return 64 * MIB


def image_file(instance):
    name = hashlib.sha1(instance.image_ref.encode(), usedforsecurity=False).hexdigest()
    return utils.get_cache_path(name)


def facts(instance, guest, backend=None, **disks) -> LocalDisks:
    found = local_disks.of_guest(
        guest, backend or Backend("default"), instance, BlockDeviceInfo(**disks)
    )
    stored = json.loads(json.dumps(dataclasses.asdict(found)))
    assert LocalDisks.from_dict(stored) == found
    return found


def test_an_overlay_of_the_servers_image(instance):
    base = image_file(instance)
    base.write_bytes(b"x" * MIB)
    path = write_qcow2(utils.get_instance_path(instance, "disk"), 64 * MIB, str(base))
    found = facts(instance, Guest(instance, disk=("vda", "qcow2", "disk")))
    (file,) = found.files
    assert (file.name, file.device, file.size) == ("disk", "vda", 64 * MIB)
    assert (file.image_size, file.has_own_base) == (MIB, False)
    assert file.data == sum(each.stat().st_blocks * 512 for each in (path, base))
    assert found.names == ["disk"] and found.pool is None and found.config_drive is None


def test_other_overlays_have_a_base_of_their_own(instance):
    """Each host makes the file systems of ephemeral disks and swap by itself."""
    base = utils.get_cache_path("ephemeral0_1_ext4")
    base.write_bytes(b"")
    for name in ("disk.eph0", "disk.swap"):
        write_qcow2(utils.get_instance_path(instance, name), MIB, str(base))
    write_qcow2(utils.get_instance_path(instance, "disk"))
    guest = Guest(
        instance,
        disk=("vda", "qcow2", "disk"),
        disk_eph0=("vdb", "qcow2", "disk"),
        disk_swap=("vdc", "qcow2", "disk"),
    )
    disks = {"ephemerals": [EphemeralDisk(size_gb=1)], "swap": SwapDisk(size_mb=1)}
    root, ephemeral, swap = facts(instance, guest, **disks).files
    assert (root.image_size, root.has_own_base) == (None, False)
    assert (ephemeral.name, ephemeral.device, ephemeral.has_own_base) == ("disk.eph0", "vdb", True)
    assert (swap.name, swap.device, swap.has_own_base) == ("disk.swap", "vdc", True)


def test_a_raw_disk_is_never_read(instance):
    write_qcow2(utils.get_instance_path(instance, "disk"), MIB, "/etc/shadow")
    (file,) = facts(instance, Guest(instance, disk=("vda", "raw", "disk"))).files
    assert (file.image_size, file.has_own_base) == (None, False)


def test_a_server_on_a_volume_has_only_its_ephemeral_disk(instance):
    instance.image_ref = ""
    utils.get_instance_path(instance, "disk.eph0").write_bytes(b"x")
    guest = Guest(instance, disk_eph0=("vdb", "raw", "disk"))
    found = facts(instance, guest, ephemerals=[EphemeralDisk(size_gb=1)])
    assert found.names == ["disk.eph0"] and [each.device for each in found.files] == ["vdb"]


def test_disks_that_are_no_files_are_not_copied(instance):
    guest = Guest(instance)
    found = facts(instance, guest, StorageBackend())
    assert (found.names, found.files, found.pool, found.mark) == (["disk"], [], POOL, None)
    assert facts(instance, guest, StorageBackend(None)).pool is None


def test_a_server_that_runs_from_a_cdrom_is_refused(instance):
    utils.get_instance_path(instance, "disk").write_bytes(b"x")
    with pytest.raises(REFUSED, match="CD-ROM"):
        facts(instance, Guest(instance, disk=("sda", "raw", "cdrom")))


def test_a_guest_without_its_disk_is_refused(instance):
    with pytest.raises(REFUSED, match="no disk"):
        facts(instance, Guest(instance))


# -- the checks of the destination ---------------------------------------------------------------

FILE = LocalFile("disk", "vda", size=64 * MIB, data=2 * MIB, image_size=None, has_own_base=False)
FILES = LocalDisks(
    names=["disk"],
    pool=None,
    files=[FILE],
    folder="/var/lib/nova/instances/uuid",
    mark="0123",
    config_drive=None,
    address="192.0.2.1",
)
IN_POOL = dataclasses.replace(FILES, files=[], pool=POOL, mark=None)
ON_VOLUMES = dataclasses.replace(FILES, names=[], files=[], mark=None)
LVM = dataclasses.replace(FILES, files=[], mark=None)


@pytest.mark.parametrize(
    ("source", "backend", "block_migration"),
    [
        (FILES, Backend("default"), None),
        (FILES, Backend("raw"), True),
        (IN_POOL, StorageBackend(), None),
        (IN_POOL, StorageBackend(), False),
        *((ON_VOLUMES, StorageBackend(pool), True) for pool in (None, POOL)),
        *((ON_VOLUMES, Backend("default"), each) for each in (None, True, False)),
    ],
)
def test_disks_that_can_come(instance, source, backend, block_migration):
    disk_checks.check(backend, instance, source, block_migration, None)


@pytest.mark.parametrize(
    ("source", "backend", "block_migration", "reason"),
    [
        (IN_POOL, StorageBackend(), True, "cannot be used with shared storage"),
        (FILES, Backend("default"), False, "must share their storage"),
        (IN_POOL, StorageBackend("rbd:other/vms"), False, "must share their storage"),
        (IN_POOL, StorageBackend("rbd:other/vms"), None, "only from files to files"),
        (IN_POOL, Backend("default"), True, "only from files to files"),
        (FILES, StorageBackend(), True, "only from files to files"),
        (FILES, StorageBackend(None), None, "only from files to files"),
        (LVM, StorageBackend(None), None, "only from files to files"),
        (LVM, Backend("default"), True, "only from files to files"),
    ],
)
def test_disks_that_cannot_come(instance, source, backend, block_migration, reason):
    with pytest.raises(REFUSED, match=reason):
        disk_checks.check(backend, instance, source, block_migration, None)


@pytest.mark.parametrize(
    ("block_migration", "reason"), [(True, "shared storage"), (None, "share the folder")]
)
def test_hosts_with_one_folder_are_refused(instance, block_migration, reason):
    first = folder_mark.write(instance)
    source = dataclasses.replace(FILES, mark=folder_mark.write(instance))
    assert not folder_mark.is_here(instance, first)  # only the newest
    with pytest.raises(REFUSED, match=reason):
        disk_checks.check(Backend("default"), instance, source, block_migration, None)


def test_a_mark_is_the_name_of_a_file(instance):
    with pytest.raises(exception.UnsafeFileName):
        folder_mark.is_here(instance, "/../../../../etc/passwd")


@pytest.fixture
def space(monkeypatch):
    """``space(free)``: so many MiB are not written. Other disks may grow by 10 MiB."""

    def set_free(mib: int) -> None:
        other = servers.make_instance()
        utils.get_instance_path(other).mkdir()
        write_qcow2(utils.get_instance_path(other, "disk"), 10 * MIB + (1 << 16))
        figures = types.SimpleNamespace(f_blocks=1, f_frsize=MIB, f_bavail=mib)
        monkeypatch.setattr(os, "statvfs", lambda _: figures)

    return set_free


@pytest.mark.parametrize(("disk_over_commit", "needed"), [(True, 2), (None, 2), (False, 64 + 10)])
def test_the_space_that_disks_need(instance, space, disk_over_commit, needed):
    def check() -> None:
        disk_checks.check(Backend("default"), instance, FILES, None, disk_over_commit)

    # what an interrupted attempt has made here is not counted twice
    write_qcow2(utils.get_instance_path(instance, "disk"), 64 * MIB)
    space(needed)
    check()
    CONF.set_override("reserved_host_disk_mb", 1)
    try:
        with pytest.raises(REFUSED, match=r"MiB are needed, \d+ MiB are free"):
            check()
    finally:
        CONF.clear_override("reserved_host_disk_mb")


# -- what the destination makes ------------------------------------------------------------------

DISK_INFO = DiskInfo(
    "virtio",
    "sata",
    {
        "disk": DiskDevice("virtio", "vda"),
        "disk.eph0": DiskDevice("virtio", "vdb"),
    },
)
EPHEMERAL = dataclasses.replace(FILE, name="disk.eph0", device="vdb", size=8 * MIB)
OVERLAY = dataclasses.replace(FILE, image_size=4 * MIB)


class Glance:
    """``has_image``: whether Glance has the image, which is raw and has 4 MiB."""

    def __init__(self, has_image: bool = True):
        self.has_image = has_image

    def get(self, context, image_id, **_):
        if not self.has_image:
            raise exception.ImageNotFound(image_id=image_id)
        return types.SimpleNamespace(id=image_id, size=4 * MIB, disk_format="raw")

    def download(self, context, image_id, path):
        with open(path, "r+b") as stream:
            stream.truncate(4 * MIB)


def make(instance, *files, glance=None, images_type="qcow2"):
    source = dataclasses.replace(FILES, files=list(files))
    return copy_targets.make(
        None, glance or Glance(), Backend(images_type), instance, source, DISK_INFO
    )


def disk(instance, name: str = "disk"):
    return utils.get_instance_path(instance, name)


@needs_qemu_img
def test_the_image_is_fetched_for_an_overlay(instance):
    disk(instance).write_bytes(b"of an earlier stay")
    copies = make(instance, OVERLAY)
    assert (copies.devices, copies.is_whole, copies.data) == (["vda"], False, 2 * MIB)
    assert utils.find_backing_file(disk(instance)) == str(image_file(instance))
    assert utils.get_disk_size(disk(instance), "qcow2") == 64 * MIB
    assert image_file(instance).stat().st_size == 4 * MIB


@needs_qemu_img
@pytest.mark.parametrize(
    ("files", "images_type"),
    [
        ([OVERLAY, dataclasses.replace(EPHEMERAL, has_own_base=True)], "qcow2"),
        ([OVERLAY, EPHEMERAL], "raw"),
    ],
)
def test_all_data_is_copied_if_a_base_cannot_be_the_same(instance, files, images_type):
    copies = make(instance, *files, images_type=images_type)
    assert (copies.devices, copies.is_whole) == (["vda", "vdb"], True)
    for name, size in (("disk", 64 * MIB), ("disk.eph0", 8 * MIB)):
        path = disk(instance, name)
        assert utils.find_backing_file(path) is None
        assert utils.get_disk_size(path, images_type) == size
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def scp(tmp_path, monkeypatch):
    """``scp(script)`` replaces the program; the target is its last argument."""

    def write(script: str) -> None:
        program = tmp_path / "bin" / "scp"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nfor last; do :; done\necho "$@" >{tmp_path}/scp\n{script}')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return write


@needs_qemu_img
def test_an_image_that_glance_has_no_more_is_copied_from_the_source(instance, scp, tmp_path):
    scp(f'truncate -s {4 * MIB} "$last"')
    copies = make(instance, OVERLAY, glance=Glance(has_image=False))
    assert copies.is_whole is False
    assert utils.find_backing_file(disk(instance)) == str(image_file(instance))
    assert f" 192.0.2.1:{image_file(instance)} " in (tmp_path / "scp").read_text()


@needs_qemu_img
@pytest.mark.parametrize("script", ["exit 1", f'truncate -s {5 * MIB} "$last"'])
def test_without_the_same_image_all_data_is_copied(instance, scp, script):
    scp(script)
    copies = make(instance, OVERLAY, glance=Glance(has_image=False))
    assert copies.is_whole is True
    assert utils.find_backing_file(disk(instance)) is None
    assert utils.get_disk_size(disk(instance), "qcow2") == 64 * MIB


def test_a_disk_that_would_be_another_device_is_refused(instance):
    disk(instance).write_bytes(b"kept")
    for file in (
        dataclasses.replace(FILE, device="vdc"),
        dataclasses.replace(FILE, name="disk.eph7"),
    ):
        with pytest.raises(REFUSED, match="would not have it"):
            make(instance, file)
    assert disk(instance).read_bytes() == b"kept"


# -- the config drive ----------------------------------------------------------------------------


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """``ssh(script)`` replaces the program; the command is its last argument."""

    def write(script: str) -> None:
        program = tmp_path / "bin" / "ssh"
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f'#!/bin/sh\nfor last; do :; done\necho "$last" >{tmp_path}/ssh\n{script}'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return write


def fetch(instance, source=FILES, backend=None) -> bool:
    drive = (backend or Backend("default")).config_drive(instance)
    return copy_targets.fetch_config_drive(instance, drive, source)


def test_the_config_drive_is_copied(instance, ssh, tmp_path):
    ssh("printf content")
    disk(instance, "disk.config").write_bytes(b"of an earlier stay")
    assert fetch(instance, dataclasses.replace(FILES, config_drive=7))
    assert disk(instance, "disk.config").read_bytes() == b"content"
    assert disk(instance, "disk.config").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ssh").read_text() == f"cat -- {FILES.folder}/disk.config\n"


@pytest.mark.parametrize("script", ["printf con", "exit 1"])
def test_a_config_drive_that_is_not_complete(instance, ssh, script):
    ssh(script)
    with pytest.raises(exception.DisksNotMoved, match="config drive"):
        fetch(instance, dataclasses.replace(FILES, config_drive=7))
    assert not disk(instance, "disk.config").exists()


def test_a_source_that_does_not_answer_is_asked_again(instance, ssh):
    ssh("exit 255")
    with pytest.raises(exception.ActionInterrupted):
        fetch(instance, dataclasses.replace(FILES, config_drive=7))


def test_a_config_drive_in_a_pool_is_not_copied(instance):
    assert not fetch(instance)


def test_an_address_of_ipv6_is_one_host(instance, scp, tmp_path):
    scp("exit 1")
    with pytest.raises(exception.ImageNotFound):
        images.copy_from_host("2001:db8::1", "image", disk(instance))
    assert f" [2001:db8::1]:{disk(instance)} " in (tmp_path / "scp").read_text()
