"""Disks of servers in logical volumes: they are made completely or not at all, and cleared at their
removal, also if a process is killed meanwhile."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from nova_mini import exception, faults
from nova_mini.virt.block_device_info import BlockDeviceInfo, EphemeralDisk, SwapDisk
from nova_mini.virt.libvirt import blockinfo, disks, utils
from nova_mini.virt.libvirt.imagebackend.factory import load_backend
from tests.functional.harness.waiting import until
from tests.nightly import storage

pytestmark = pytest.mark.nightly

GROUP = "guests"
MiB, GiB = 1 << 20, 1 << 30
GROUP_SIZE = 2 * GiB
BEFORE = b"\xaa" * MiB  # what is on the first MiBs of the device before it is a volume group's
BEFORE_MIB = 128
SECRET = b"what the last tenant wrote".ljust(512, b".")
CONTENT = os.urandom(MiB) + bytes(4 * MiB) + os.urandom(MiB)
SIZE = 16 * MiB
KILLS = 12  # at moments that are spread over all that is done


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """The file on which the volume group is."""
    path = tmp_path_factory.mktemp("group") / "device"
    with path.open("wb") as stream:
        for _ in range(BEFORE_MIB):
            stream.write(BEFORE)
        stream.truncate(GROUP_SIZE)
    loop = storage.make_group(GROUP, path)
    yield path
    storage.remove_group(GROUP, loop)
    path.unlink()


@pytest.fixture
def backend(device, override, instance):
    override("images_volume_group", GROUP, "libvirt")
    made = load_backend("lvm", None)
    made.init_host()
    utils.get_instance_path(instance).mkdir()
    yield made
    made.remove_disks(instance.uuid)
    assert storage.volumes(GROUP) == []


@pytest.fixture
def root(backend, instance):
    """The root disk, which does not exist yet."""
    return backend.by_name(instance, blockinfo.LOCAL_ROOT)


def fetch(path: pathlib.Path) -> None:
    path.write_bytes(CONTENT)


def fetch_qcow2(path: pathlib.Path) -> None:
    raw = path.with_name("raw")
    fetch(raw)
    storage.run("qemu-img", "convert", "-O", "qcow2", str(raw), str(path))


def make(disk, fetch_func=fetch) -> None:
    disk.cache(fetch_func, "base", SIZE)


def content_of(disk) -> bytes:
    return disk.path.read_bytes()


def is_whole(disk) -> bool:
    return content_of(disk)[: len(CONTENT)] == CONTENT


def holds_secret(device: pathlib.Path) -> bool:
    """Whether the device has the secret, also outside of volumes. Reads the file, as loop devices
    do, so the page cache has no effect."""
    os.sync()
    return subprocess.run(["grep", "-qF", SECRET.decode(), device]).returncode == 0


def write_secrets(disk) -> None:
    """Write the secret to the beginning and to the end of the disk."""
    for offset in (0, SIZE - 4096):
        storage.write(str(disk.path), SECRET, offset)


# -- disks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fetch_func", [fetch, fetch_qcow2])
def test_a_disk_has_the_content_of_its_image_and_the_size_of_the_flavor(root, fetch_func):
    """Holes of the image become zeros on the disk, which has no old data of the device."""
    assert not root.exists()
    make(root, fetch_func)
    assert root.exists() and is_whole(root)
    assert root.get_disk_size() == storage.size(str(root.path)) == SIZE
    storage.write(str(root.path), b"by the guest")
    make(root, fetch_func)
    assert storage.read(str(root.path), 12) == b"by the guest"


def test_ephemeral_disks_and_swap_are_formatted(backend, instance):
    requested = BlockDeviceInfo(ephemerals=[EphemeralDisk(size_gb=1)], swap=SwapDisk(size_mb=16))
    disks.create_ephemerals(instance, backend, requested)
    disks.create_swap(instance, backend, requested)
    for name, kind, size in (("disk.eph0", "ext4", GiB), ("disk.swap", "swap", 16 * MiB)):
        path = str(backend.by_name(instance, name).path)
        assert storage.run("blkid", "--output", "value", "-s", "TYPE", path).strip() == kind
        assert storage.size(path) == size
    storage.run("e2fsck", "-fn", str(backend.by_name(instance, "disk.eph0").path))


def test_a_disk_grows_and_never_shrinks(root):
    make(root)
    root.resize_image(8 * MiB)
    assert root.get_disk_size() == SIZE
    root.resize_image(SIZE + 1)
    assert SIZE < root.get_disk_size() == storage.size(str(root.path)) <= SIZE + 4 * MiB
    assert is_whole(root)


@pytest.mark.parametrize("out_format", ["raw", "qcow2"])
def test_a_snapshot_is_a_complete_copy(root, tmp_path, out_format):
    make(root)
    storage.write(str(root.path), b"by the guest", SIZE - 4096)
    root.snapshot_extract(tmp_path / "copy", out_format)
    storage.run(
        "qemu-img", "compare", "-f", out_format, "-F", "raw", str(tmp_path / "copy"), str(root.path)
    )


def test_data_is_injected_before_the_disk_gets_its_name(root):
    def finish(path, driver_format):
        assert not root.exists() and driver_format == "raw"
        storage.write(str(path), b"injected", SIZE - 4096)

    root.finish = finish
    make(root)
    assert root.exists()
    assert storage.read(str(root.path), 8, SIZE - 4096) == b"injected"


def test_the_group_is_the_storage_of_the_host(backend, root):
    before = backend.get_storage()
    make(root)
    after = backend.get_storage()
    assert GROUP_SIZE - 8 * MiB < before.total == after.total <= GROUP_SIZE
    assert before.free - after.free == SIZE


def test_a_group_that_is_full(root):
    with pytest.raises(exception.LvmFailed, match="insufficient free space"):
        root.cache(fetch, "base", 2 * GROUP_SIZE)
    assert storage.volumes(GROUP) == []


def test_a_missing_group(device, override):
    override("images_volume_group", "no-such-group", "libvirt")
    with pytest.raises(exception.ConfigurationError, match="vgcreate no-such-group"):
        load_backend("lvm", None).init_host()


# -- removal -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["zero", "shred"])
def test_the_data_of_a_tenant_is_cleared_with_its_disk(
    backend, root, instance, device, override, how
):
    override("volume_clear", how, "libvirt")
    make(root)
    write_secrets(root)
    assert holds_secret(device)
    backend.remove_disks(instance.uuid)
    assert not root.exists() and not holds_secret(device)
    backend.remove_disks(instance.uuid)


def test_the_options_to_clear_a_part_or_nothing(backend, root, instance, device, override):
    override("volume_clear_size", 1, "libvirt")
    make(root)
    storage.write(str(root.path), SECRET)
    backend.remove_disks(instance.uuid)
    assert not holds_secret(device)
    make(root)
    storage.write(str(root.path), SECRET, 2 * MiB)
    backend.remove_disks(instance.uuid)
    assert holds_secret(device)
    override("volume_clear_size", 0, "libvirt")
    make(root)
    backend.remove_disks(instance.uuid)
    assert not holds_secret(device), "the same room, cleared for later tests"


# -- deaths --------------------------------------------------------------------------------------


def die(do: Callable[[], None], at: Callable[[int], None]) -> None:
    """Run ``do()`` in another process with its own process group. ``at(pid)`` kills it, or lets it
    kill itself at a step."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        try:
            do()
        finally:
            os._exit(0)
    os.setpgid(child, child)  # also done by the child
    at(child)


def die_at(step: str, do: Callable[[], None], monkeypatch, tmp_path) -> None:
    (tmp_path / step).touch()
    monkeypatch.setattr(faults, "_directory", str(tmp_path))

    def wait(child: int) -> None:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    die(do, wait)
    assert not (tmp_path / step).exists()


def kill(child: int) -> None:
    """Kill the process with its child processes, as systemd does."""
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize(
    ("step", "there"),
    [
        ("before VolumeGroup._create", False),
        ("VolumeGroup._create", False),
        ("Lvm._fill", False),
        ("before VolumeGroup._finish", False),
        ("VolumeGroup._finish", True),
    ],
)
def test_a_service_that_dies_while_it_makes_a_disk(
    backend, root, instance, monkeypatch, tmp_path, step, there
):
    die_at(step, lambda: make(root), monkeypatch, tmp_path)
    assert root.exists() == there
    assert bool(backend.list_local_owners()) == (step != "before VolumeGroup._create")
    make(root)
    assert root.exists() and is_whole(root)
    assert storage.volumes(GROUP) == [f"{instance.uuid}_disk"]


@pytest.mark.parametrize(
    ("step", "there"),
    [
        ("before VolumeGroup._mark", True),
        ("VolumeGroup._mark", False),
        ("VolumeGroup._clear", False),
        ("VolumeGroup._delete", False),
    ],
)
def test_a_service_that_dies_while_it_removes_a_disk(
    backend, root, instance, device, monkeypatch, tmp_path, step, there
):
    make(root)
    write_secrets(root)
    disks.create_swap(instance, backend, BlockDeviceInfo(swap=SwapDisk(size_mb=4)))
    die_at(step, lambda: backend.remove_disks(instance.uuid), monkeypatch, tmp_path)
    assert root.exists() == there
    assert backend.list_local_owners() == {instance.uuid}, "what is left finds who sweeps it"
    backend.remove_disks(instance.uuid)
    assert storage.volumes(GROUP) == [] and not holds_secret(device)


def test_a_service_that_dies_while_it_clears(backend, root, instance, device, override):
    override("volume_clear", "shred", "libvirt")
    root.cache(fetch, "base", 256 * MiB)
    path = str(root.path)
    storage.write(path, SECRET, 256 * MiB - 4096)

    def when_it_clears(child: int) -> None:
        until("it to clear", lambda: storage.read(path, 512) != CONTENT[:512], 60)
        kill(child)

    die(lambda: backend.remove_disks(instance.uuid), when_it_clears)
    assert not root.exists() and holds_secret(device)
    assert backend.list_local_owners() == {instance.uuid}
    backend.remove_disks(instance.uuid)
    assert storage.volumes(GROUP) == [] and not holds_secret(device)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_service_that_dies_at_any_moment(backend, root, instance, number):
    """LVM's commands, which it runs, are killed with it."""

    def make_and_remove():
        make(root)
        backend.remove_disks(instance.uuid)

    begun = time.monotonic()
    make_and_remove()
    seconds = time.monotonic() - begun

    def some_time_later(child: int) -> None:
        time.sleep(seconds * number / KILLS)
        kill(child)

    die(make_and_remove, some_time_later)
    if root.exists():
        assert is_whole(root)
    make(root)
    assert is_whole(root)
    backend.remove_disks(instance.uuid)
    assert storage.volumes(GROUP) == []
