"""Disks in shared storage are removed only by the host of their server."""

from __future__ import annotations

import pytest

from nova_mini.virt.libvirt import LibvirtDriver, utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers


class SharedBackend(Backend):
    """A pool with unfinished disks of one server."""

    is_shared = True

    def __init__(self):
        super().__init__("raw")
        self.removed = []

    def remove_disks(self, instance_uuid):
        self.removed.append(instance_uuid)

    def list_interrupted(self):
        return {"mine": ["mine_disk.part-1", "mine_disk.part-2"], "other": ["other_disk.part-1"]}

    def remove_interrupted(self, name):
        self.removed.append(name)


@pytest.fixture
def driver():
    made = LibvirtDriver(None)
    made._hostname = "here"
    made.image_backend = SharedBackend()
    return made


@pytest.mark.parametrize(
    ("host", "deleted", "go"),
    [("here", False, True), ("there", False, False), (None, False, False), ("there", True, True)],
)
def test_shared_disks_are_removed_only_by_the_servers_host(driver, host, deleted, go):
    instance = servers.make_instance(host=host, deleted=deleted)
    path = utils.get_instance_path(instance)
    path.mkdir()
    driver._remove_disks(instance)
    assert driver.image_backend.removed == ([instance.uuid] if go else [])
    assert not path.exists(), "what is on this host goes in any case"


def test_local_disks_of_a_server_that_moved_away_are_removed(driver):
    driver.image_backend.is_shared = False
    instance = servers.make_instance(host="there")
    driver._remove_disks(instance)
    assert driver.image_backend.removed == [instance.uuid]


def test_the_folder_of_a_move_is_removed_with_the_instance(driver):
    instance = servers.make_instance(host="there")
    for path in (utils.get_instance_path(instance), utils.get_moved_path(instance)):
        path.mkdir()
        (path / "disk").write_text("content")
    driver._remove_disks(instance)
    assert utils.list_instance_dirs() == set()


def test_only_unfinished_disks_of_this_hosts_servers_are_removed(driver):
    driver.clean_shared_disks({"mine"})
    assert driver.image_backend.removed == ["mine_disk.part-1", "mine_disk.part-2"]
