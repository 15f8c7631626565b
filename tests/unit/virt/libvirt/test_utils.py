"""Paths and files of instances."""

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers
from tests.unit.virt.disk_files import write_qcow2


@pytest.fixture
def instance():
    made = servers.make_instance()
    utils.get_instance_path(made).mkdir()
    return made


def console(instance, name="console.log"):
    return utils.get_instance_path(instance) / name


def test_only_folders_of_instances_are_listed(instance):
    deleted = servers.make_instance()
    (utils.instances_path() / f"{deleted.uuid}_del").mkdir()
    (utils.instances_path() / "snapshots").mkdir()
    assert utils.list_instance_dirs() == {instance.uuid, deleted.uuid}


def test_a_host_without_a_folder_has_no_instances(override, tmp_path):
    override("instances_path", str(tmp_path / "not-there"))
    assert utils.list_instance_dirs() == set()


def test_the_end_of_the_console_log(instance):
    console(instance).write_bytes(b"0123456789")
    assert utils.read_console_log(instance, 4) == b"6789"
    assert utils.read_console_log(instance, 100) == b"0123456789"


def test_the_end_of_a_rotated_console_log(instance):
    console(instance).write_bytes(b"new")
    console(instance, "console.log.0").write_bytes(b"older and old")
    assert utils.read_console_log(instance, 6) == b"oldnew"


def test_a_missing_log_is_an_error(instance):
    with pytest.raises(exception.ConsoleNotAvailable):
        utils.read_console_log(instance, 100)


def test_a_file_is_replaced_and_private(instance):
    path = utils.get_instance_path(instance) / "libvirt.xml"
    path.with_name("libvirt.xml.part").write_text("half")
    utils.write_to_file(path, "first")
    utils.write_to_file(path, "second")
    assert path.read_text() == "second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["libvirt.xml"]


def test_the_backing_file_of_an_overlay(tmp_path):
    overlay = write_qcow2(tmp_path / "disk", size=7 << 20, backing="/var/base")
    assert utils.find_backing_file(overlay) == "/var/base"
    assert utils.get_disk_size(overlay, "qcow2") == 7 << 20
    assert utils.get_base_format(overlay) == "qcow2"


@pytest.mark.parametrize("content", [b"", b"QFI\xfb", b"\0" * 4096])
def test_files_that_are_no_overlays_have_no_backing_file(tmp_path, content):
    path = tmp_path / "disk"
    path.write_bytes(content)
    assert utils.find_backing_file(path) is None
    assert utils.get_base_format(path) == "raw"
    assert utils.get_disk_size(path, "raw") == len(content)


def test_a_disk_without_a_base_and_a_missing_one_have_no_backing_file(tmp_path):
    assert utils.find_backing_file(write_qcow2(tmp_path / "whole")) is None
    assert utils.find_backing_file(tmp_path / "gone") is None


# -- paths are made in one place, and stay below their root ---------------------------------------

ESCAPES = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc/shadow",
    "a\0b",
    "a\nb",
    "-rf",
    "x" * 256,
    "\u00e9",
    "ephemeral0_1_../../../etc/shadow",
]


@pytest.mark.parametrize("name", ESCAPES)
def test_unsafe_file_names_are_refused(name):
    for make in (utils.get_cache_path, utils.cache_lock, utils.check_file_name):
        with pytest.raises(exception.UnsafeFileName):
            make(name)
    with pytest.raises(exception.UnsafeFileName):
        utils.get_instance_path(servers.make_instance(), name)


def test_plain_names_make_a_path():
    assert utils.get_cache_path("ephemeral0_1_ext4") == utils.base_dir() / "ephemeral0_1_ext4"


@pytest.mark.parametrize("kind", [Backend("raw"), Backend("qcow2")])
def test_a_disk_is_not_made_from_a_file_outside_of_the_cache(instance, tmp_path, kind):
    (tmp_path / "secret").write_text("of the host")
    disk = kind.by_name(instance, "disk.eph0")
    with pytest.raises(exception.UnsafeFileName):
        disk.cache(lambda path: None, "../../secret")
    assert not disk.exists()
