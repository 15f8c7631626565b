"""Files of instances: found, read from their end, replaced whole."""

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt import utils
from tests import servers
from tests.unit.virt.disk_files import write_qcow2


@pytest.fixture
def instance():
    made = servers.make_instance()
    utils.get_instance_path(made).mkdir()
    return made


def console(instance, name="console.log"):
    return utils.get_instance_path(instance) / name


def test_instances_are_found_by_their_folders_and_nothing_else_is(instance):
    doomed = servers.make_instance()
    (utils.instances_path() / f"{doomed.uuid}_del").mkdir()
    (utils.instances_path() / "snapshots").mkdir()
    assert utils.list_instance_dirs() == {instance.uuid, doomed.uuid}


def test_a_host_without_instances_has_none(override, tmp_path):
    override("instances_path", str(tmp_path / "not-there"))
    assert utils.list_instance_dirs() == set()


def test_the_end_of_the_console_log(instance):
    console(instance).write_bytes(b"0123456789")
    assert utils.read_console_log(instance, 4) == b"6789"
    assert utils.read_console_log(instance, 100) == b"0123456789"


def test_a_log_that_was_rotated_just_now(instance):
    console(instance).write_bytes(b"new")
    console(instance, "console.log.0").write_bytes(b"older and old")
    assert utils.read_console_log(instance, 6) == b"oldnew"


def test_no_log_is_no_console(instance):
    with pytest.raises(exception.ConsoleNotAvailable):
        utils.read_console_log(instance, 100)


def test_a_small_file_is_replaced_and_private(instance):
    path = utils.get_instance_path(instance) / "libvirt.xml"
    path.with_name("libvirt.xml.part").write_text("half")
    utils.write_to_file(path, "first")
    utils.write_to_file(path, "second")
    assert path.read_text() == "second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["libvirt.xml"]


def test_the_header_of_an_overlay(tmp_path):
    overlay = write_qcow2(tmp_path / "disk", size=7 << 20, backing="/var/base")
    assert utils.find_backing_file(overlay) == "/var/base"
    assert utils.get_disk_size(overlay, "qcow2") == 7 << 20
    assert utils.get_base_format(overlay) == "qcow2"


@pytest.mark.parametrize("content", [b"", b"QFI\xfb", b"\0" * 4096])
def test_what_is_no_overlay(tmp_path, content):
    path = tmp_path / "disk"
    path.write_bytes(content)
    assert utils.find_backing_file(path) is None
    assert utils.get_base_format(path) == "raw"
    assert utils.get_disk_size(path, "raw") == len(content)


def test_a_whole_disk_and_one_that_went_away(tmp_path):
    assert utils.find_backing_file(write_qcow2(tmp_path / "whole")) is None
    assert utils.find_backing_file(tmp_path / "gone") is None
