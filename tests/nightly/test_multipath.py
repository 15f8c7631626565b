"""Volumes over two portals of a target: one map with two paths."""

import pathlib

import pytest

from tests.nightly import storage
from tests.nightly.conftest import connect_and_die, process

pytestmark = pytest.mark.nightly


@pytest.fixture(autouse=True)
def multipath(nothing_left, override):
    """multipathd, and two portals: every address in 127.0.0.0/8 is this host."""
    storage.run("modprobe", "dm_multipath")
    storage.run("systemctl", "start", "multipathd")
    override("volume_use_multipath", True, "libvirt")


def test_there_and_back(targets, connect, instance):
    target = targets()
    device = pathlib.Path(connect(target.two_ways())).resolve()
    assert device.name in storage.multipath_maps()
    assert storage.sessions() == [f"127.0.0.{host} {target.iqn}" for host in (1, 2)]
    paths = [path.name for path in pathlib.Path("/sys/block", device.name, "slaves").iterdir()]
    assert sorted(paths) == storage.scsi_disks() and len(paths) == 2
    storage.write(str(device), b"by two ways")
    assert storage.read(str(target.files[0]), 11) == b"by two ways"
    for _ in range(2):
        process()._disconnect_volume(instance.uuid, target.two_ways())
    assert not any(storage.everything().values())


def test_one_path_is_enough(targets, connect, instance):
    """The other portal does not exist."""
    target = targets()
    connection = target.two_ways()
    connection["data"]["target_portals"][1] = "127.0.0.2:3261"
    device = connect(connection)
    assert storage.sessions() == [f"127.0.0.1 {target.iqn}"]
    storage.write(device, b"by one way")
    process()._disconnect_volume(instance.uuid, connection)
    assert storage.read(str(target.files[0]), 10) == b"by one way"


def test_a_way_that_breaks(targets, connect, instance):
    target = targets()
    device = connect(target.two_ways())
    (broken, *_) = storage.scsi_disks()
    pathlib.Path("/sys/block", broken, "device/state").write_text("offline\n")
    storage.write(device, b"by the other")
    assert storage.read(str(target.files[0]), 12) == b"by the other"
    process().disconnect_all(instance, None)
    assert not any(storage.everything().values())


def test_a_service_that_dies_while_it_connects(targets, instance):
    target = targets()
    connect_and_die(instance, target.two_ways(), storage.multipath_maps)
    process().disconnect_all(instance, None)
    assert not any(storage.everything().values())
