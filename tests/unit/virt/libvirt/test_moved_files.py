"""The files of a server are copied from its source to its destination.

The program ``ssh`` of these tests runs the command on this machine. Source and destination have
folders of their own, one after the other: after ``at_destination()`` the source's is where the
command finds it, and the destination's is empty.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import types

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt import fetched_files, moved_files, utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.moved_disks import MovedDisks
from tests import servers
from tests.unit.virt.disk_files import needs_qemu_img

pytestmark = needs_qemu_img

MIB = 1 << 20
ADDRESS = "192.0.2.1"
MOVE, OTHER_MOVE = types.SimpleNamespace(uuid="move-1"), types.SimpleNamespace(uuid="move-2")


@pytest.fixture
def instance():
    made = servers.make_instance()
    utils.get_instance_path(made).mkdir()
    return made


@pytest.fixture
def at_destination(ssh, tmp_path):
    def go() -> None:
        os.rename(CONF.instances_path, tmp_path / "source")
        (tmp_path / "instances" / "_base").mkdir(parents=True)
        ssh.source = str(tmp_path / "source")
        ssh.works()

    return go


def make_disk(instance, images_type="qcow2", name="disk", content=b"of the guest") -> None:
    base = utils.base_dir() / f"base-of-{name}"
    base.write_bytes(b"of the image".ljust(MIB, b"\0"))
    disk = Backend(images_type).by_name(instance, name)
    disk._create(base, 3 * MIB)
    command = ["qemu-io", "-f", disk.driver_format, "-c", "write -P 7 2M 64k", str(disk.path)]
    subprocess.run(command, check=True, capture_output=True)


def content_of(instance, tmp_path, images_type="qcow2", name="disk") -> bytes:
    target = tmp_path / "as-raw"
    Backend(images_type).by_name(instance, name).snapshot_extract(target, "raw")
    return target.read_bytes()


EXPECTED = b"of the image".ljust(2 * MIB, b"\0") + b"\7" * 65536 + bytes(MIB - 65536)


def offer(instance, images_type="qcow2", migration=MOVE, needed=("disk",), skip="") -> None:
    moved_files.offer(Backend(images_type), instance, migration, needed, skip)


def fetch(instance, images_type="qcow2", migration=MOVE, report=None) -> None:
    fetched_files.fetch(Backend(images_type), instance, migration, ADDRESS, report)


def test_a_hole_and_zeros_have_one_checksum(tmp_path):
    """Data in the first, a middle and the last block, which is not whole."""
    block = moved_files._BLOCK
    content = b"a" + bytes(3 * block) + b"b" * block + bytes(5 * block) + b"c" * 7
    whole, sparse = tmp_path / "whole", tmp_path / "sparse"
    whole.write_bytes(content)
    with open(sparse, "wb") as stream:
        for start in (0, 3 * block, 4 * block, len(content) - 7):
            stream.seek(start)
            stream.write(content[start : start + (block if start else 1)])
    assert sparse.read_bytes() == content
    assert sparse.stat().st_blocks < whole.stat().st_blocks
    assert moved_files.checksum(sparse) == moved_files.checksum(whole)
    moved = tmp_path / "moved"
    moved.write_bytes(content[block:] + content[:block])
    assert moved_files.checksum(moved) != moved_files.checksum(whole)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("there", ["qcow2", "raw"])
@pytest.mark.parametrize("here", ["qcow2", "raw"])
def test_a_disk_has_the_same_content_at_the_destination(
    instance, tmp_path, at_destination, here, there
):
    make_disk(instance, here)
    make_disk(instance, here, "disk.eph0")
    offer(instance, here, needed=("disk", "disk.eph0"))
    at_destination()
    reports = []
    fetch(instance, there, report=lambda *amounts: reports.append(amounts))
    for name in ("disk", "disk.eph0"):
        disk = Backend(there).by_name(instance, name)
        assert content_of(instance, tmp_path, there, name) == EXPECTED
        assert mode(disk.path) == 0o600
        assert disk.path.stat().st_blocks * 512 < 2 * MIB, "holes stay holes"
    folder = utils.get_instance_path(instance)
    assert mode(folder) == 0o711
    assert sorted(each.name for each in folder.iterdir()) == ["disk", "disk.eph0", "moved.json"]
    ((total, copied),) = reports
    assert total == copied > 0


def test_all_files_that_a_server_has_are_copied(instance, at_destination):
    make_disk(instance)
    folder = utils.get_instance_path(instance)
    names = ("disk.config", "kernel", "ramdisk", "console.log", "console.log.0", "disk.swap")
    for name in (*names, "disk.part", "libvirt.xml"):
        (folder / name).write_text(f"content of {name}")
    subprocess.run(["qemu-img", "create", "-qf", "qcow2", folder / "disk.swap", "1M"], check=True)
    offer(instance, skip="disk.swap")
    assert not folder.exists() and utils.get_moved_path(instance).is_dir()
    assert utils.list_instance_dirs() == {instance.uuid}
    at_destination()
    fetch(instance)
    found = {each.name for each in folder.iterdir()}
    assert found == {*names, "disk", "moved.json"} - {"disk.swap"}
    assert (folder / "kernel").read_text() == "content of kernel"


def test_the_last_words_of_a_guest_change_no_copy(instance, at_destination):
    make_disk(instance)
    log = utils.get_instance_path(instance, "console.log")
    log.write_text("first")
    with open(log, "a") as virtlogd:
        offer(instance)
        virtlogd.write("last")
    at_destination()
    fetch(instance)
    assert log.read_text() == "first"


def test_the_source_gets_its_folder_back(instance, tmp_path):
    make_disk(instance)
    for _ in range(2):
        offer(instance)
    for _ in range(2):
        moved_files.take_back(instance)
    assert content_of(instance, tmp_path) == EXPECTED
    assert [each.name for each in utils.get_instance_path(instance).iterdir()] == ["disk"]


def test_the_folder_of_an_earlier_move_is_replaced(instance, tmp_path):
    make_disk(instance)
    moved = utils.get_moved_path(instance)
    moved.mkdir()
    (moved / "disk").write_text("of an earlier move")
    offer(instance)
    moved_files.take_back(instance)
    assert content_of(instance, tmp_path) == EXPECTED


def test_a_server_without_its_disk_is_not_offered(instance):
    moved = utils.get_moved_path(instance)
    moved.mkdir()
    with pytest.raises(exception.DisksNotMoved, match="disk does not exist"):
        offer(instance)
    assert moved.exists() and utils.get_instance_path(instance).exists()


# -- interruptions -------------------------------------------------------------------------------


def test_what_was_copied_is_not_copied_again(instance, at_destination, ssh, tmp_path):
    make_disk(instance)
    make_disk(instance, name="disk.eph0")
    offer(instance)
    at_destination()
    fetch(instance)
    with open(utils.get_instance_path(instance, "disk"), "r+b") as stream:
        stream.seek(0, os.SEEK_END)
        stream.write(b"written by the guest")
    utils.get_instance_path(instance, "disk.eph0").unlink()
    before = len(ssh.calls())
    fetch(instance)
    (call,) = ssh.calls()[before:]
    assert call.endswith("-- disk.eph0")
    assert utils.get_instance_path(instance, "disk").read_bytes().endswith(b"by the guest")
    fetch(instance)
    assert len(ssh.calls()) == before + 1, "nothing is asked of the source"


def test_files_of_an_earlier_stay_are_not_used(instance, at_destination, tmp_path):
    make_disk(instance)
    offer(instance)
    at_destination()
    for folder in (utils.get_instance_path(instance), utils.get_moved_path(instance)):
        folder.mkdir()
        (folder / "disk").write_text("old")
    fetch(instance)
    assert content_of(instance, tmp_path) == EXPECTED
    assert not utils.get_moved_path(instance).exists()


@pytest.mark.parametrize("cut", [0, 100, 1024, 70_000])
def test_a_lost_connection_is_retried(instance, at_destination, ssh, tmp_path, cut):
    make_disk(instance)
    offer(instance)
    at_destination()
    working = f'eval "$(echo "$last" | sed "s#{CONF.instances_path}#{ssh.source}#g")"'
    ssh.write(f"case $last in *tar*) {working} | head -c {cut}; exit 255;; esac; {working}")
    with pytest.raises(exception.ActionInterrupted, match="no connection to 192.0.2.1"):
        fetch(instance)
    assert not utils.get_instance_path(instance, "disk").exists()
    ssh.works()
    fetch(instance)
    assert content_of(instance, tmp_path) == EXPECTED


def test_a_host_that_is_down_is_retried(instance, ssh):
    ssh.write("echo 'Connection refused' >&2; exit 255")
    with pytest.raises(exception.ActionInterrupted, match="Connection refused"):
        fetch(instance)


def test_a_copy_that_differs_is_retried(instance, at_destination, tmp_path):
    make_disk(instance, "raw")
    offer(instance, "raw")
    with open(utils.get_moved_path(instance) / "disk", "r+b") as stream:
        stream.write(b"changed after its checksum")
    at_destination()
    with pytest.raises(exception.ActionInterrupted, match="the copy of disk differs"):
        fetch(instance, "raw")
    assert [each.name for each in utils.get_instance_path(instance).iterdir()] == ["moved.json"]


def test_a_file_that_the_source_does_not_have_any_more(instance, at_destination, tmp_path):
    make_disk(instance)
    offer(instance)
    (utils.get_moved_path(instance) / "disk").unlink()
    at_destination()
    with pytest.raises(exception.RemoteCommandFailed, match="No such file"):
        fetch(instance)


# -- what is not believed ------------------------------------------------------------------------


def test_the_files_of_another_move_are_not_taken(instance, at_destination):
    make_disk(instance)
    offer(instance, migration=OTHER_MOVE)
    at_destination()
    with pytest.raises(exception.DisksNotMoved, match="an earlier move"):
        fetch(instance)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../etc/passwd"},
        {"name": "disk.eph0/x"},
        {"driver_format": "vmdk"},
        {"size": -1},
        {"sha256": ""},
        {"more": 1},
    ],
)
def test_a_list_that_no_source_has_written_is_refused(instance, ssh, change):
    file = {"name": "disk", "driver_format": "raw", "size": 1, "data": 1, "sha256": "0" * 64}
    text = json.dumps({"migration": MOVE.uuid, "files": [file | change]})
    ssh.write(f"echo '{text}'")
    with pytest.raises(exception.DisksNotMoved, match="does not offer them"):
        fetch(instance)


@pytest.mark.parametrize("address", ["-oProxyCommand=x", "host;reboot", "$(x)", "a b", ""])
def test_an_address_that_is_none_never_reaches_a_command_line(instance, ssh, address):
    with pytest.raises(exception.Invalid, match="is not the address of a host"):
        fetched_files.fetch(Backend("qcow2"), instance, MOVE, address)
    assert ssh.calls() == []


def test_a_raw_disk_with_the_header_of_an_overlay_is_not_opened_as_one(
    instance, at_destination, tmp_path
):
    """CVE-2016-2140: the format is the source's word."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"of the host".ljust(MIB))
    make_disk(instance, "raw")
    header = tmp_path / "header"
    command = ["qemu-img", "create", "-qf", "qcow2", "-F", "raw", "-b", str(secret), str(header)]
    subprocess.run([*command, "3M"], check=True)
    with open(utils.get_instance_path(instance, "disk"), "r+b") as stream:
        stream.write(header.read_bytes()[: 2 * MIB])
    offer(instance, "raw")
    at_destination()
    fetch(instance, "qcow2")
    content = content_of(instance, tmp_path)
    assert content.startswith(b"QFI\xfb") and b"of the host" not in content


# -- which disks can move ------------------------------------------------------------------------


def moved_disks(backend, *, same_host=False, swap=(0, 0), **fields) -> MovedDisks:
    migration = types.SimpleNamespace(
        uuid="move-1",
        is_same_host=same_host,
        is_resize=True,
        old_flavor=servers.make_flavor(swap=swap[0]),
        new_flavor=servers.make_flavor(swap=swap[1]),
    )
    return MovedDisks(backend, servers.make_instance(**fields), migration, None)


class Pool(Backend):
    is_shared = True

    def get_storage(self):
        return types.SimpleNamespace(pool="rbd:a/b")


class Volumes(Backend):
    is_resizable = False


@pytest.mark.parametrize(
    ("backend", "source_pool"),
    [(Backend, "rbd:a/b"), (Pool, None), (Pool, "rbd:c/b"), (Volumes, None)],
)
def test_disks_do_not_go_from_files_to_a_pool_or_back(backend, source_pool):
    with pytest.raises(exception.MigrationPreCheckError):
        moved_disks(backend("raw")).check_destination(source_pool)


@pytest.mark.parametrize(("backend", "source_pool"), [(Backend, None), (Pool, "rbd:a/b")])
def test_disks_go_to_storage_of_the_same_kind(backend, source_pool):
    moved_disks(backend("raw")).check_destination(source_pool)


def test_a_server_without_local_disks_goes_everywhere():
    metadata = {"image_base_image_ref": ""}
    disks = moved_disks(Pool("raw"), image_ref=None, system_metadata=metadata)
    disks.check_destination(None)


def test_logical_volumes_are_refused_with_the_reason():
    with pytest.raises(exception.MigrationPreCheckError, match="logical volumes"):
        moved_disks(Volumes("raw"), same_host=True).check()
