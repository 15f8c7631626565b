"""Disks of instances in Ceph: made completely or not at all, and removed completely."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import uuid

import pytest

from nova_mini import exception
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.block_device_info import BlockDeviceInfo, EphemeralDisk, SwapDisk
from nova_mini.virt.libvirt import blockinfo, disks, utils
from tests.integration.ceph.conftest import IMAGES_POOL, MIB, POOL, direct

CONTENT = os.urandom(3 * MIB).ljust(8 * MIB, b"\0")
INJECTED = disks.InjectionInfo(NetworkInfo(), [], "secret")
REPOSITORY = pathlib.Path(__file__).parents[3]


def qcow2(tmp_path) -> bytes:
    (tmp_path / "raw").write_bytes(CONTENT)
    command = ["qemu-img", "convert", "-O", "qcow2", tmp_path / "raw", tmp_path / "qcow2"]
    subprocess.run(command, check=True)
    return (tmp_path / "qcow2").read_bytes()


def root_of(backend, instance):
    return backend.by_name(instance, blockinfo.LOCAL_ROOT)


def make_root(backend, glance, instance, image_id, size=0):
    root = root_of(backend, instance)
    disks.clone_fallback_to_fetch(None, glance, root, image_id, size)
    return root


# -- clones --------------------------------------------------------------------------------------


def test_a_raw_image_in_the_same_cluster_is_cloned(backend, glance, instance, content_of):
    image_id = glance.add(CONTENT)
    root = make_root(backend, glance, instance, image_id, 16 * MIB)
    assert backend.ceph.parent(root.rbd_name) == (IMAGES_POOL, image_id, "snap")
    assert root.rbd_name == f"{instance.uuid}_disk"
    assert root.get_disk_size() == 16 * MIB
    assert content_of(root) == CONTENT.ljust(16 * MIB, b"\0")
    assert glance.downloads == 0


def test_a_clone_stands_alone(backend, glance, instance, content_of):
    """A disk made from a shelved image is independent of the image, which is deleted later."""
    root = make_root(backend, glance, instance, glance.add(CONTENT))
    for _ in range(2):
        root.flatten()
        assert backend.ceph.parent(root.rbd_name) is None
    assert content_of(root) == CONTENT


def test_a_clone_grows_and_never_shrinks(backend, glance, instance):
    root = make_root(backend, glance, instance, glance.add(CONTENT))
    assert root.get_disk_size() == 8 * MIB
    root.resize_image(4 * MIB)
    assert root.get_disk_size() == 8 * MIB
    root.resize_image(32 * MIB)
    assert root.get_disk_size() == 32 * MIB


def test_an_image_larger_than_the_disk_is_refused_and_leaves_nothing(backend, glance, instance):
    with pytest.raises(exception.FlavorDiskSmallerThanImage):
        make_root(backend, glance, instance, glance.add(CONTENT), MIB)
    assert backend.ceph.list() == []


def test_a_disk_that_is_there_is_kept(backend, glance, instance, content_of):
    make_root(backend, glance, instance, glance.add(CONTENT))
    other = glance.add(os.urandom(MIB))
    assert content_of(make_root(backend, glance, instance, other)) == CONTENT


def test_a_name_that_a_killed_renaming_has_left_is_free(backend, glance, instance, content_of):
    root = make_root(backend, glance, instance, glance.add(os.urandom(MIB)))
    with direct() as ioctx:
        mark = f"rbd_id.{root.rbd_name}"
        number = ioctx.read(mark)
        backend.ceph.rename_and_remove(root.rbd_name)
        ioctx.write_full(mark, number)
    assert not root.exists()
    assert content_of(make_root(backend, glance, instance, glance.add(CONTENT))) == CONTENT


def test_a_disk_whose_renaming_was_killed_is_not_swept(backend, glance, instance, content_of):
    import rbd

    root = make_root(backend, glance, instance, glance.add(CONTENT))
    part = f"{root.rbd_name}.part-dead"
    with direct() as ioctx:
        mark = f"rbd_id.{root.rbd_name}"
        number = ioctx.read(mark)
        rbd.RBD().rename(ioctx, root.rbd_name, part)
        assert backend.list_interrupted() == {instance.uuid: [part]}
        ioctx.write_full(mark, number)
    assert backend.list_interrupted() == {} and content_of(root) == CONTENT
    backend.remove_disks(instance.uuid)
    assert backend.ceph.list() == [] and not root.exists()


def test_an_existing_disk_is_not_replaced(backend, glance, instance, content_of):
    root = make_root(backend, glance, instance, glance.add(CONTENT))
    backend.ceph.create("other.part-x", MIB)
    try:
        with pytest.raises(exception.CephFailed, match="is an image"):
            backend.ceph.rename("other.part-x", root.rbd_name)
    finally:
        backend.ceph.remove_image("other.part-x")
    assert content_of(root) == CONTENT


# -- what cannot be cloned is fetched ------------------------------------------------------------


def test_a_qcow2_image_is_fetched_and_imported(backend, glance, instance, content_of, tmp_path):
    image_id = glance.add(qcow2(tmp_path), "qcow2")
    root = make_root(backend, glance, instance, image_id, 16 * MIB)
    assert backend.ceph.parent(root.rbd_name) is None
    assert content_of(root) == CONTENT.ljust(16 * MIB, b"\0")
    assert glance.downloads == 1
    assert (utils.base_dir() / disks.get_cache_fname(image_id)).exists()


def test_an_image_that_glance_has_lost_is_imported_from_the_cache(
    backend, glance, instance, content_of
):
    image_id = str(uuid.uuid4())
    (utils.base_dir() / disks.get_cache_fname(image_id)).write_bytes(CONTENT)
    root = make_root(backend, glance, instance, image_id, 16 * MIB)
    assert content_of(root) == CONTENT.ljust(16 * MIB, b"\0")


def test_missing_disks_are_not_found(backend, glance, instance):
    with pytest.raises(exception.ImageNotFound):
        make_root(backend, glance, instance, str(uuid.uuid4()))
    assert backend.ceph.list() == []


def test_the_cached_image_is_removed_if_the_operator_configures_it(
    backend, glance, instance, tmp_path, override
):
    override("keep_imported_images", False, "image_cache")
    make_root(backend, glance, instance, glance.add(qcow2(tmp_path), "qcow2"))
    assert list(utils.base_dir().iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "rbd://00000000-0000-0000-0000-000000000000/{pool}/{id}/snap",
        "rbd://{fsid}/no-such-pool/{id}/snap",
        "rbd://{fsid}/{pool}/{other}/snap",
        "rbd://{fsid}/{pool}/{id}/no-such-snapshot",
        "rbd://{fsid}/{pool}/{id}",
        "file:///etc/shadow",
    ],
)
def test_an_image_without_a_usable_location_is_fetched(backend, glance, instance, content_of, url):
    image_id, other = glance.add(CONTENT), glance.add(b"of another tenant")
    url = url.format(fsid=backend.fsid, pool=IMAGES_POOL, id=image_id, other=other)
    glance.records[image_id].locations = [{"url": url, "metadata": {}}]
    root = make_root(backend, glance, instance, image_id)
    assert backend.ceph.parent(root.rbd_name) is None
    assert content_of(root) == CONTENT
    assert glance.downloads == 1


def test_an_image_with_a_wrong_format_is_neither_cloned_nor_fetched(
    backend, glance, instance, tmp_path
):
    with pytest.raises(exception.ImageUnacceptable, match="content is qcow2"):
        make_root(backend, glance, instance, glance.add(qcow2(tmp_path), "raw"))
    assert backend.ceph.list() == []
    assert list(utils.base_dir().iterdir()) == []


# -- other disks ---------------------------------------------------------------------------------


def test_ephemeral_disks_and_swap_are_formatted(backend, instance, content_of):
    requested = BlockDeviceInfo(ephemerals=[EphemeralDisk(size_gb=1)], swap=SwapDisk(size_mb=16))
    disks.create_ephemerals(instance, backend, requested)
    disks.create_swap(instance, backend, requested)
    assert sorted(backend.ceph.list()) == [
        f"{instance.uuid}_disk.eph0",
        f"{instance.uuid}_disk.swap",
    ]
    ephemeral, swap = (content_of(backend.by_name(instance, n)) for n in ("disk.eph0", "disk.swap"))
    assert len(ephemeral) == 1024 * MIB
    assert b"ephemeral0" in ephemeral[:2048]
    assert len(swap) == 16 * MIB
    assert swap[4086:4096] == b"SWAPSPACE2"


def test_the_config_drive_is_in_ceph_and_not_in_the_folder(backend, instance, content_of):
    disks.create_config_drive(instance, backend, INJECTED, BlockDeviceInfo())
    drive = backend.by_name(instance, blockinfo.CONFIG_DRIVE)
    assert b"config-2" in content_of(drive)[: 64 * 1024]
    assert list(utils.get_instance_path(instance).iterdir()) == []
    disks.create_config_drive(instance, backend, INJECTED, BlockDeviceInfo())


# -- deaths --------------------------------------------------------------------------------------


def killed_after(step: str, image_id: str, disk_format: str, instance, tmp_path) -> None:
    """Make the root disk in another process that dies by SIGKILL right after ``step``."""
    faults = tmp_path / "faults"
    faults.mkdir(exist_ok=True)
    (faults / step).touch()
    command = [
        sys.executable,
        "-m",
        "tests.integration.ceph.make_root",
        str(tmp_path),
        instance.uuid,
        image_id,
        disk_format,
    ]
    environment = os.environ | {"NOVA_MINI_FAULT_DIR": str(faults)}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, timeout=60, text=True, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(
    "step",
    ["RBDDriver.create", "RBDDriver.clone", "RBDDriver.resize", "RBDDriver.rename", "Rbd.clone"],
)
def test_a_clone_is_repeated_after_a_kill(backend, glance, instance, content_of, tmp_path, step):
    disk_format = "raw"
    image_id = glance.add(CONTENT)
    if step == "RBDDriver.create":
        disk_format = "qcow2"
        image_id = glance.add(qcow2(tmp_path), "qcow2")
    pathlib.Path(tmp_path / image_id).write_bytes(glance.files[image_id])
    killed_after(step, image_id, disk_format, instance, tmp_path)
    began = time.monotonic()
    root = make_root(backend, glance, instance, image_id, 16 * MIB)
    assert time.monotonic() - began < 10, "the dead one's watch was waited for"
    assert content_of(root) == CONTENT.ljust(16 * MIB, b"\0")
    backend.remove_disks(instance.uuid)
    assert backend.ceph.list() == []


def test_an_import_that_was_killed_is_swept(backend, glance, instance, tmp_path):
    image_id = glance.add(qcow2(tmp_path), "qcow2")
    pathlib.Path(tmp_path / image_id).write_bytes(glance.files[image_id])
    killed_after("RBDDriver.create", image_id, "qcow2", instance, tmp_path)
    root = make_root(backend, glance, instance, image_id)
    interrupted = backend.list_interrupted()
    assert list(interrupted) == [instance.uuid]
    for name in interrupted[instance.uuid]:
        backend.remove_interrupted(name)
    assert backend.ceph.list() == [root.rbd_name]


def test_an_interrupted_removal_leaves_no_disk_that_looks_complete(
    backend, glance, instance, monkeypatch, content_of
):
    image_id = glance.add(CONTENT)
    root = make_root(backend, glance, instance, image_id)
    with monkeypatch.context() as patched:
        patched.setattr(backend.ceph, "remove_image", lambda name, pool=None: None)  # "dies" here
        backend.remove_disks(instance.uuid)
    assert not root.exists()
    assert len(backend.ceph.list()) == 1
    assert content_of(make_root(backend, glance, instance, image_id)) == CONTENT
    backend.remove_disks(instance.uuid)
    assert backend.ceph.list() == []


# -- removal -------------------------------------------------------------------------------------


def opened(backend, name: str, pool: str, seconds: float) -> threading.Thread:
    """Another client has the image open for some time."""
    import rbd

    is_open = threading.Event()

    def hold():
        with direct(pool) as ioctx, rbd.Image(ioctx, name):
            is_open.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    assert is_open.wait(10)
    return thread


def test_a_removal_waits_for_clients_that_have_the_disk_open(backend, glance, instance):
    root = make_root(backend, glance, instance, glance.add(CONTENT))
    holder = opened(backend, root.rbd_name, POOL, 2)
    backend.remove_disks(instance.uuid)
    assert backend.ceph.list() == []
    holder.join()


def test_a_disk_that_stays_in_use_keeps_its_name(backend, glance, instance, override):
    override("rbd_destroy_volume_retries", 2)
    root = make_root(backend, glance, instance, glance.add(CONTENT))
    holder = opened(backend, root.rbd_name, POOL, 3)
    with pytest.raises(exception.RbdImageBusy):
        backend.remove_disks(instance.uuid)
    assert root.exists()
    holder.join()


def test_a_disk_is_removed_with_its_snapshots_and_their_unfinished_clones(
    backend, glance, instance
):
    from nova_mini.virt.libvirt.storage.rbd_utils import Location

    root = make_root(backend, glance, instance, glance.add(CONTENT))
    backend.ceph.create_snap(root.rbd_name, "s", protect=True)
    snapshot = Location(backend.fsid, POOL, root.rbd_name, "s")
    backend.ceph.clone(snapshot, "image.part-of-the-dead", IMAGES_POOL)
    with backend.ceph.unfinished("image", IMAGES_POOL) as part:
        backend.ceph.clone(snapshot, part, IMAGES_POOL)
    backend.remove_disks(instance.uuid)
    assert backend.ceph.list() == []
    assert not backend.ceph.exists("image.part-of-the-dead", IMAGES_POOL)
    assert backend.ceph.exists("image", IMAGES_POOL)


def test_only_the_disks_of_that_instance_go(backend, glance, instance):
    from tests import servers

    other = servers.make_instance(uuid="22222222-0000-0000-0000-000000000002")
    utils.get_instance_path(other).mkdir()
    for owner in (instance, other):
        make_root(backend, glance, owner, glance.add(CONTENT))
    assert backend.list_shared_owners() == {instance.uuid, other.uuid}
    backend.remove_disks(instance.uuid)
    assert backend.list_shared_owners() == {other.uuid}


# -- the cluster ---------------------------------------------------------------------------------


def test_the_pools_capacity(backend):
    storage = backend.get_storage()
    assert storage.pool == f"rbd:{backend.fsid}/{POOL}"
    assert 0 < storage.free <= storage.total


def test_a_cluster_that_does_not_answer(backend, tmp_path, override):
    from nova_mini.virt.libvirt.storage.rbd_utils import RBDDriver

    override("rbd_connect_timeout", 1)
    (tmp_path / "ceph.conf").write_text(
        "[global]\nmon host = 127.0.0.1:1\nauth client required = none\n"
    )
    with pytest.raises(exception.CephUnavailable):
        RBDDriver(POOL, None, str(tmp_path / "ceph.conf")).list()


def test_many_threads_make_disks(backend, glance, instance):
    from concurrent import futures

    from tests import servers

    image_id = glance.add(CONTENT)
    owners = [servers.make_instance(uuid=f"33333333-0000-0000-0000-{i:012}") for i in range(12)]
    with futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda each: make_root(backend, glance, each, image_id), owners))
        assert backend.list_shared_owners() == {each.uuid for each in owners}
        list(pool.map(lambda each: backend.remove_disks(each.uuid), owners))
    assert backend.ceph.list() == []


def test_images_are_cached_unless_disks_are_cloned_from_them(backend, glance, tmp_path):
    assert not disks.cache_image(None, glance, backend, glance.add(CONTENT))
    assert list(utils.base_dir().iterdir()) == []
    assert disks.cache_image(None, glance, backend, glance.add(qcow2(tmp_path), "qcow2"))
    assert len(list(utils.base_dir().iterdir())) == 1
