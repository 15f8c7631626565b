"""A disk of a running guest is replaced by a copy, made by QEMU."""

import pytest

from nova_mini import exception
from nova_mini.virt.libvirt import disk_swap
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from tests.integration.libvirt import cloud

UUID = "5a5a5a5a-0000-4000-8000-000000000001"
MIB = 1024**2


def disk(path, serial) -> LibvirtConfigGuestDisk:
    return LibvirtConfigGuestDisk(str(path), "vdb", "virtio", serial=serial)


@pytest.fixture
def volumes(tmp_path):
    """(a volume with content, an empty one of the same size, a larger one)"""
    paths = [tmp_path / name for name in ("old", "new", "larger")]
    for path, size in zip(paths, (16, 16, 32), strict=True):
        with open(path, "wb") as stream:
            stream.truncate(size * MIB)
    with open(paths[0], "r+b") as stream:
        stream.write(b"what the guest wrote")
    return paths


@pytest.fixture
def guest(driver, volumes):
    instance = cloud.instance_with(UUID)
    cloud.spawn(driver, instance)
    guest = driver._host.get_guest(instance)
    guest.attach_device(disk(volumes[0], "old"), live=True)
    guest.attach_device(disk(volumes[0], "old"), live=False)
    return guest


def paths(guest) -> set[str]:
    """The path of the disk in the running guest, and in its definition."""
    return {
        found.source_path
        for persistent in (False, True)
        for found in guest.get_devices(persistent).disks
        if found.target_dev == "vdb"
    }


def swap(guest, path, is_larger=False, commit=lambda: None) -> None:
    disk_swap.swap(guest, disk(path, path.name), is_larger=is_larger, commit=commit)


def test_the_guest_goes_on_with_the_other_volume(guest, volumes):
    old, new, _ = volumes
    swap(guest, new)
    assert paths(guest) == {str(new)}
    assert new.read_bytes()[:20] == b"what the guest wrote"
    swap(guest, new, commit=None)
    assert paths(guest) == {str(new)}
    (found,) = (d for d in guest.get_devices(True).disks if d.target_dev == "vdb")
    assert found.serial == "new"


def test_a_larger_volume_is_seen_whole_after_a_reboot(guest, volumes):
    old, _, larger = volumes
    swap(guest, larger, is_larger=True)
    assert paths(guest) == {str(larger)}
    assert guest.get_disk_size("vdb") == 16 * MIB
    guest.poweroff()
    guest.launch()
    assert guest.get_disk_size("vdb") == 32 * MIB


def test_a_volume_of_another_size_fails_and_changes_nothing(guest, volumes):
    old, _, larger = volumes
    with pytest.raises(exception.VolumeSwapFailed, match="ended too early"):
        swap(guest, larger)
    assert paths(guest) == {str(old)}


class Died(BaseException):
    pass


def die():
    raise Died


def test_a_swap_can_be_given_up_before_the_commit(guest, volumes):
    old, new, _ = volumes
    with pytest.raises(Died):
        swap(guest, new, commit=die)
    assert paths(guest) == {str(old)}
    guest.abort_disk_job("vdb")
    swap(guest, new)
    assert paths(guest) == {str(new)}


def test_a_swap_is_resumed_with_its_copy_after_the_commit(guest, volumes, caplog):
    old, new, _ = volumes
    with pytest.raises(Died):
        swap(guest, new, commit=die)
    (mirrored,) = (d for d in guest.get_devices().disks if d.target_dev == "vdb")
    assert mirrored.mirror_is_ready and mirrored.mirror == ("file", None, str(new))
    swap(guest, new, commit=None)
    assert paths(guest) == {str(new)}


def test_a_guest_that_went_off_after_the_commit_has_the_new_volume(guest, volumes):
    old, new, _ = volumes
    with pytest.raises(Died):
        swap(guest, new, commit=die)
    guest.poweroff()
    swap(guest, new, commit=None)
    assert guest.get_devices(True).disks[-1].source_path == str(new)


def test_a_guest_that_is_off_is_not_swapped(guest, volumes):
    guest.poweroff()
    with pytest.raises(exception.VolumeSwapFailed, match="is not running"):
        swap(guest, volumes[1])
    assert paths(guest) == {str(volumes[0])}
