"""Stand-ins for the services that a LibvirtDriver calls: images from a folder, no Neutron.

Run as a program, it does one operation on one server and exits. Tests kill it at a step (see
``nova_mini.trace``), and then repeat the operation.
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import sys

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.libvirt import LibvirtDriver
from nova_mini.virt.virtapi import VirtAPI
from tests import servers

RAW = "11111111-0000-0000-0000-000000000001"
QCOW2 = "11111111-0000-0000-0000-000000000002"
KERNEL = "11111111-0000-0000-0000-000000000003"
RAMDISK = "11111111-0000-0000-0000-000000000004"

_IMAGES = {
    RAW: ("disk.raw", "raw", "bare"),
    QCOW2: ("disk.qcow2", "qcow2", "bare"),
    KERNEL: ("vmlinuz", "aki", "aki"),
    RAMDISK: ("initrd.gz", "ari", "ari"),
}

OVERRIDDEN = [
    ("state_path", None),
    ("virt_type", "libvirt"),
    ("tb_cache_size", "libvirt"),
    ("connection_uri", "libvirt"),
    ("enabled", "vnc"),
    ("cpu_mode", "libvirt"),
    ("cpu_models", "libvirt"),
    ("cpu_model_extra_flags", "libvirt"),
]


class FolderOfImages:
    """A stand-in for Glance: the images of the guest, and uploaded images."""

    def __init__(self, folder: pathlib.Path, uploads: pathlib.Path):
        self._folder = folder
        self.uploads = uploads
        self.properties: dict[str, dict] = {}

    def get(self, context, image_id, include_locations=False) -> ImageMeta:
        if image_id in _IMAGES:
            _file, disk_format, container = _IMAGES[image_id]
            return ImageMeta(
                id=image_id, status="active", disk_format=disk_format, container_format=container
            )
        if image_id not in self.properties:
            raise exception.ImageNotFound(image_id=image_id)
        return ImageMeta(id=image_id, **self.properties[image_id])

    def is_visible_to(self, context, image_id, project_id) -> bool:
        return self.get(context, image_id) is not None

    def download(self, context, image_id, target_path):
        known = _IMAGES.get(image_id)
        source = self._folder / known[0] if known else self.uploads / image_id
        shutil.copyfile(source, target_path)

    def update(self, context, image_id, **properties):
        self.properties.setdefault(image_id, {}).update(properties)

    def upload(self, context, image_id, fileobj):
        with open(self.uploads / image_id, "wb") as stream:
            shutil.copyfileobj(fileobj, stream)


class Waits(VirtAPI):
    """Records the events to wait for; all of them have arrived already."""

    def __init__(self):
        self.awaited = []

    @contextlib.contextmanager
    def wait_for_instance_event(self, instance, events, *, deadline=300, error_callback=None):
        self.awaited.append(list(events))
        yield


def make_driver(uri: str, state_path: pathlib.Path, guest_image: pathlib.Path) -> LibvirtDriver:
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("state_path", str(state_path))
    CONF.set_override("virt_type", "qemu", group="libvirt")
    CONF.set_override("tb_cache_size", 32, group="libvirt")
    CONF.set_override("connection_uri", uri, group="libvirt")
    driver = LibvirtDriver(Waits())
    uploads = state_path / "uploads"
    uploads.mkdir(exist_ok=True)
    driver._image_api = FolderOfImages(guest_image, uploads)
    driver.init_host("host")
    return driver


def instance_with(uuid: str, **overrides):
    """The same server in every process, and therefore the same domain name."""
    return servers.make_instance(uuid=uuid, id=int(uuid[:7], 16), **overrides)


def spawn(driver: LibvirtDriver, instance, network_info=(), admin_password=None, **options) -> None:
    image_meta = ImageMeta(id=instance.image_ref, disk_format="raw", container_format="bare")
    vifs = NetworkInfo(network_info)
    driver.spawn(None, instance, image_meta, [], admin_password, vifs, None, **options)


def main(action: str, uuid: str, uri: str, state_path: str, guest_image: str) -> None:
    driver = make_driver(uri, pathlib.Path(state_path), pathlib.Path(guest_image))
    instance = instance_with(uuid, config_drive="True")
    if action == "spawn":
        spawn(driver, instance)
    else:
        driver.destroy(None, instance)


if __name__ == "__main__":
    main(*sys.argv[1:])
