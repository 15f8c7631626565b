"""Disks in a real Ceph cluster, without services of the cloud.

CEPH_CONF names the configuration file of a cluster that the tests use as client.admin; a node of
the stack sets it. Without it the tests are skipped. They create two pools, and remove them.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt.libvirt import utils
from tests import servers

CEPH_CONF = os.environ.get("CEPH_CONF", "")
POOL, IMAGES_POOL = "nova-mini-test-vms", "nova-mini-test-images"
MIB = 1 << 20


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        if not CEPH_CONF and here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="CEPH_CONF is not set"))


@pytest.fixture(scope="session")
def pools() -> Iterator[None]:
    import rados

    def ask(**command) -> None:
        code, _, reason = cluster.mon_command(json.dumps(command), b"")
        assert code == 0, reason

    with rados.Rados(conffile=CEPH_CONF) as cluster:
        for name in {POOL, IMAGES_POOL} - set(cluster.list_pools()):
            ask(prefix="osd pool create", pool=name, pg_num=8)
            ask(prefix="osd pool application enable", pool=name, app="rbd")
        yield
        ask(prefix="config set", who="mon", name="mon_allow_pool_delete", value="true")
        for name in (POOL, IMAGES_POOL):
            sure = {"yes_i_really_really_mean_it": True}
            ask(prefix="osd pool delete", pool=name, pool2=name, **sure)


@pytest.fixture
def override():
    changed = []

    def set_override(name, value, group="libvirt"):
        CONF.set_override(name, value, group=group)
        changed.append((name, group))

    yield set_override
    for name, group in changed:
        CONF.clear_override(name, group=group)


def configure(state_path: pathlib.Path, set_override=CONF.set_override) -> None:
    CONF([], project="nova-mini", default_config_files=[])
    set_override("state_path", str(state_path), None)
    set_override("images_rbd_pool", POOL, "libvirt")
    set_override("images_rbd_ceph_conf", CEPH_CONF, "libvirt")
    set_override("rbd_destroy_volume_retry_interval", 1, "libvirt")
    (state_path / "instances" / "_base").mkdir(parents=True, exist_ok=True)


@pytest.fixture
def backend(pools, tmp_path, override):
    """The rbd backend. At the end of the test its pools must be empty."""
    from nova_mini.virt.libvirt.imagebackend.rbd import RbdBackend

    configure(tmp_path, override)
    made = RbdBackend(secrets=None)
    yield made
    for name in made.list_shared_owners():
        made.remove_disks(name)
    glance = Glance(made)
    for name in made.ceph.list(pool=IMAGES_POOL):
        glance.remove(name)
    assert made.ceph.list() == []
    made.ceph.close()


@contextlib.contextmanager
def direct(pool: str = POOL) -> Iterator:
    """An I/O context of a pool for checks that do not use the tested code."""
    import rados

    with rados.Rados(conffile=CEPH_CONF) as cluster, cluster.open_ioctx(pool) as ioctx:
        yield ioctx


@pytest.fixture
def instance(backend):
    made = servers.make_instance(uuid=str(uuid.uuid4()))
    utils.get_instance_path(made).mkdir()
    return made


class Glance:
    """A stand-in for Glance: stores images in a pool as its rbd store does, and returns records."""

    def __init__(self, backend):
        self._ceph = backend.ceph
        self._fsid = backend.fsid
        self.records: dict[str, ImageMeta] = {}
        self.files: dict[str, bytes] = {}
        self.downloads = 0

    def add(self, content: bytes, disk_format: str = "raw", size: int | None = None) -> str:
        import rbd

        from nova_mini.virt.libvirt.storage.rbd_utils import Location

        image_id = str(uuid.uuid4())
        with direct(IMAGES_POOL) as ioctx:
            rbd.RBD().create(ioctx, image_id, size or len(content))
            with rbd.Image(ioctx, image_id) as image:
                image.write(content, 0)
                image.create_snap("snap")
                image.protect_snap("snap")
        location = Location(self._fsid, IMAGES_POOL, image_id, "snap")
        self.records[image_id] = ImageMeta(
            id=image_id,
            status="active",
            disk_format=disk_format,
            container_format="bare",
            locations=[{"url": location.to_url(), "metadata": {}}],
        )
        self.files[image_id] = content
        return image_id

    def remove(self, image_id: str) -> None:
        self._ceph.remove_image(image_id, IMAGES_POOL)

    def get(self, context, image_id: str, include_locations: bool = False) -> ImageMeta:
        if image_id not in self.records:
            raise exception.ImageNotFound(image_id=image_id)
        return self.records[image_id]

    def download(self, context, image_id: str, target_path: str) -> None:
        self.downloads += 1
        pathlib.Path(target_path).write_bytes(self.files[image_id])


@pytest.fixture
def glance(backend) -> Iterator[Glance]:
    return Glance(backend)


@pytest.fixture
def content_of(backend, tmp_path):
    """``content_of(disk)``: the whole content as bytes."""

    def read(disk) -> bytes:
        target = tmp_path / f"copy-{uuid.uuid4()}"
        disk.snapshot_extract(target, "raw")
        return target.read_bytes()

    assert shutil.which("qemu-img")
    return read
