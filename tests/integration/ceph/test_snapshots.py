"""Images of servers with disks in Ceph: copied inside Ceph, or uploaded if that is refused."""

from __future__ import annotations

import contextlib
import os

import pytest

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt.libvirt import disks, snapshot
from nova_mini.virt.libvirt.storage.rbd_utils import Location
from tests.integration.ceph.conftest import IMAGES_POOL, MIB, direct
from tests.integration.ceph.test_disks import root_of

CONTENT = os.urandom(MIB).ljust(8 * MIB, b"\0")
IMAGE = "44444444-0000-0000-0000-000000000001"


class Guest:
    """A guest that records when its file systems are frozen."""

    rested = 0

    def is_active(self):
        return True

    @contextlib.contextmanager
    def quiesced(self, quiesce):
        self.rested += quiesce
        yield


class Snapshots:
    """A stand-in for Glance with one queued image."""

    def __init__(self, glance):
        self._glance = glance
        self.refusal: Exception | None = None
        self.url = self.uploaded = None

    def get(self, context, image_id, include_locations=False) -> ImageMeta:
        return self._glance.get(context, image_id, include_locations)

    def update(self, context, image_id, **properties):
        self.properties = properties

    def add_location(self, context, image_id, url):
        if self.refusal:
            raise self.refusal
        self.url = url

    def upload(self, context, image_id, fileobj):
        self.uploaded = fileobj.read()


@pytest.fixture
def image_api(glance):
    return Snapshots(glance)


@pytest.fixture
def disk(backend, glance, instance):
    """A clone of an image of Glance, to which the guest has written."""
    import rbd

    instance.image_ref = glance.add(CONTENT)
    root = root_of(backend, instance)
    disks.clone_fallback_to_fetch(None, glance, root, instance.image_ref, 16 * MIB)
    with direct() as ioctx, rbd.Image(ioctx, root.rbd_name) as image:
        image.write(b"written by the guest", 4 * MIB)
    return root


def expected() -> bytes:
    content = bytearray(CONTENT.ljust(16 * MIB, b"\0"))
    content[4 * MIB : 4 * MIB + 20] = b"written by the guest"
    return bytes(content)


def take(image_api, instance, disk, guest=None):
    states = []
    snapshot.take(
        None,
        image_api,
        instance,
        guest or Guest(),
        disk,
        IMAGE,
        lambda task_state, expected_state=None: states.append(task_state),
    )
    assert states == ["image_pending_upload", "image_uploading"]


def snapshots_of(ceph, name) -> list[str]:
    import rbd

    with direct() as ioctx, rbd.Image(ioctx, name, read_only=True) as image:
        return [each["name"] for each in image.list_snaps()]


def assert_direct(image_api, disk) -> None:
    ceph = disk.ceph
    assert image_api.uploaded is None
    location = Location.parse_url(image_api.url)
    assert (location.pool, location.image, location.snapshot) == (IMAGES_POOL, IMAGE, "snap")
    assert ceph.read_head(location, 16 * MIB) == expected()
    assert image_api.properties == {"disk_format": "raw", "container_format": "bare"}
    assert [name for name in ceph.list(pool=IMAGES_POOL) if name.startswith(IMAGE)] == [IMAGE]
    assert snapshots_of(ceph, disk.rbd_name) == []


def test_a_snapshot_is_a_copy_in_the_pool_of_images(image_api, instance, disk, backend):
    take(image_api, instance, disk)
    assert_direct(image_api, disk)
    backend.remove_disks(instance.uuid)  # nothing of the copy depends on the server's disk
    assert disk.ceph.read_head(Location.parse_url(image_api.url), 16 * MIB) == expected()


def test_file_systems_are_frozen_if_the_image_requires_it(image_api, instance, disk):
    instance.system_metadata = {**instance.system_metadata, "image_os_require_quiesce": "yes"}
    guest = Guest()
    take(image_api, instance, disk, guest)
    assert guest.rested == 1


def test_the_pool_of_an_image_that_was_fetched_is_found(image_api, instance, glance, backend):
    instance.image_ref = glance.add(CONTENT)
    root = root_of(backend, instance)
    disks.fetch_image(None, glance, root, instance.image_ref, 16 * MIB)
    take(image_api, instance, root)
    assert Location.parse_url(image_api.url).pool == IMAGES_POOL


@pytest.mark.parametrize(
    "refusal",
    [
        exception.ImageNotAuthorized(image_id=IMAGE),
        exception.ImageBadRequest(image_id=IMAGE, response="no"),
    ],
)
def test_an_image_is_uploaded_if_glance_refuses_its_location(image_api, instance, disk, refusal):
    image_api.refusal = refusal
    states = []
    snapshot.take(
        None,
        image_api,
        instance,
        Guest(),
        disk,
        IMAGE,
        lambda task_state, expected_state=None: states.append(task_state),
    )
    assert image_api.uploaded == expected()
    assert not disk.ceph.exists(IMAGE, IMAGES_POOL)
    assert snapshots_of(disk.ceph, disk.rbd_name) == []


def test_images_elsewhere_are_uploaded(image_api, instance, glance, backend):
    instance.image_ref = glance.add(CONTENT)
    root = root_of(backend, instance)
    disks.fetch_image(None, glance, root, instance.image_ref)
    glance.records[instance.image_ref].locations = []
    take(image_api, instance, root)
    assert image_api.uploaded == CONTENT


def test_another_format_is_uploaded(image_api, instance, disk, override):
    override("snapshot_image_format", "qcow2")
    take(image_api, instance, disk)
    assert image_api.uploaded.startswith(b"QFI\xfb")


def test_an_image_that_its_user_deleted_leaves_nothing(image_api, instance, disk):
    image_api.refusal = exception.ImageNotFound(image_id=IMAGE)
    with pytest.raises(exception.ImageNotFound):
        take(image_api, instance, disk)
    assert not disk.ceph.exists(IMAGE, IMAGES_POOL)


_STEPS = ["create_snap", "clone", "flatten", "remove_snap", "rename", "registered"]


@pytest.mark.parametrize("step", _STEPS)
def test_a_snapshot_is_repeated_after_a_kill(image_api, instance, disk, step, monkeypatch):
    _die_after(step, image_api, instance, disk, monkeypatch)
    take(image_api, instance, disk)
    assert_direct(image_api, disk)


@pytest.mark.parametrize("step", _STEPS)
def test_an_unfinished_snapshot_of_a_deleted_server_is_removed(
    image_api, instance, disk, backend, step, monkeypatch
):
    _die_after(step, image_api, instance, disk, monkeypatch)
    backend.remove_disks(instance.uuid)
    for _ in range(2):
        backend.discard_copy(None, image_api, IMAGE, instance.image_ref)
        left = [name for name in disk.ceph.list(pool=IMAGES_POOL) if name.startswith(IMAGE)]
        assert left == []
    assert disk.ceph.exists(instance.image_ref, IMAGES_POOL)


def test_a_copy_that_is_being_made_here_is_let_be(image_api, instance, disk, backend):
    with disk.ceph.unfinished(IMAGE, IMAGES_POOL) as part:
        location = image_api.get(None, instance.image_ref, include_locations=True).locations[0]
        disk.ceph.clone(Location.parse_url(location["url"]), part, IMAGES_POOL)
        backend.discard_copy(None, image_api, IMAGE, instance.image_ref)
        assert disk.ceph.exists(part, IMAGES_POOL)
    disk.ceph.rename_and_remove(IMAGE, IMAGES_POOL)


def _die_after(step, image_api, instance, disk, monkeypatch) -> None:
    """End the operation after a step, without any cleanup, as if the process was killed."""

    class Killed(BaseException):
        pass

    with monkeypatch.context() as patched:
        ceph = disk.ceph
        dead = type(ceph)(ceph.pool, ceph.user, ceph.ceph_conf)
        disk.ceph = dead
        patched.setattr(dead, "_try_to_remove", lambda name, pool: None)
        if step == "registered":
            patched.setattr(image_api, "add_location", _then_die(image_api.add_location, Killed))
        else:
            patched.setattr(dead, step, _then_die(getattr(dead, step), Killed))
        if step in ("create_snap", "clone", "flatten"):
            removals = iter([dead.remove_snap, _nothing])
            patched.setattr(dead, "remove_snap", lambda *args: next(removals)(*args))
        with pytest.raises(Killed):
            take(image_api, instance, disk)
        disk.ceph = ceph


def _then_die(function, death):
    def run(*args, **kwargs):
        function(*args, **kwargs)
        raise death

    return run


def _nothing(*args):
    """Replaces a cleanup, because a killed process does none."""
