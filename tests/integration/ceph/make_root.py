"""Makes the root disk of one instance and exits; tests kill it at a step (see nova_mini.trace)."""

from __future__ import annotations

import pathlib
import sys

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt.libvirt import blockinfo, disks
from nova_mini.virt.libvirt.imagebackend.rbd import RbdBackend
from nova_mini.virt.libvirt.storage.rbd_utils import Location
from tests import servers
from tests.integration.ceph.conftest import IMAGES_POOL, MIB, configure


class OneImage:
    """A stand-in for Glance with one image."""

    def __init__(self, folder: pathlib.Path, record: ImageMeta):
        self._folder = folder
        self._record = record

    def get(self, context, image_id, include_locations=False):
        return self._record

    def download(self, context, image_id, target_path):
        pathlib.Path(target_path).write_bytes((self._folder / image_id).read_bytes())


def main(state_path: str, uuid: str, image_id: str, disk_format: str) -> None:
    folder = pathlib.Path(state_path)
    configure(folder)
    backend = RbdBackend(secrets=None)
    location = Location(backend.fsid, IMAGES_POOL, image_id, "snap")
    record = ImageMeta(
        id=image_id,
        status="active",
        disk_format=disk_format,
        container_format="bare",
        locations=[{"url": location.to_url(), "metadata": {}}],
    )
    root = backend.by_name(servers.make_instance(uuid=uuid), blockinfo.LOCAL_ROOT)
    disks.clone_fallback_to_fetch(None, OneImage(folder, record), root, image_id, 16 * MIB)


if __name__ == "__main__":
    main(*sys.argv[1:])
