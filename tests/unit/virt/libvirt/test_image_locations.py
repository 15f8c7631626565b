"""Disks are cloned only from an image's own data in the host's Ceph cluster."""

from types import SimpleNamespace

import pytest

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt.libvirt.imagebackend.rbd import RbdBackend

IMAGE = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"
VICTIM = "70ad04d1-6ad9-4bb0-8b0e-2f0b6a0a3c22"


def locations(*urls: str) -> list:
    backend = SimpleNamespace(fsid="fsid")
    image = ImageMeta(id=IMAGE, locations=[{"url": url, "metadata": {}} for url in urls])
    return RbdBackend.locations_of(backend, image)


def test_the_location_where_glance_stores_the_image():
    (found,) = locations(f"rbd://fsid/images/{IMAGE}/snap")
    assert (found.pool, found.image, found.snapshot) == ("images", IMAGE, "snap")


@pytest.mark.parametrize(
    "url",
    [
        f"rbd://fsid/vms/{VICTIM}_disk/snap",  # a server's disk, while its snapshot is taken
        f"rbd://fsid/images/{VICTIM}/snap",
        f"rbd://fsid/volumes/volume-{VICTIM}/snapshot-{VICTIM}",
        f"rbd://another/images/{IMAGE}/snap",
        f"rbd://fsid/images/{IMAGE}",
        f"rbd://fsid/images/{IMAGE}%2F..%2F{VICTIM}/snap",
        "file:///etc/shadow",
    ],
)
def test_a_location_that_a_user_set_is_ignored(url):
    assert locations(url) == []
