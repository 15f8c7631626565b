"""Remove cached images that are not needed any more."""

from __future__ import annotations

import pathlib
import time

from oslo_log import log as logging

from nova_mini.conf import CONF
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.blockinfo import CONFIG_DRIVES
from nova_mini.virt.libvirt.disks import get_cache_fname

LOG = logging.getLogger(__name__)

UNFINISHED = (".part", ".converted")
_OVERLAYS = ("default", "qcow2")  # values of images_type whose disks refer to their base


class ImageCacheManager:
    def update(self, used_images: set[str]) -> None:
        """Remove the files of unused images. ``used_images``: ids of the images of all instances on
        this host.

        A file is removed if no instance has its image, no disk on this host refers to it, and it is
        older than the configured age. This is checked again under the lock that protects the
        creation of disks.
        """
        if not CONF.image_cache.remove_unused_base_images or not utils.base_dir().is_dir():
            return
        used = {get_cache_fname(image_id) for image_id in used_images if image_id}
        for path in sorted(utils.base_dir().iterdir()):
            if path.name not in used and _is_old(path):
                self._remove(path)

    @staticmethod
    def _remove(path: pathlib.Path) -> None:
        with utils.cache_lock(_finished_name(path)):
            if path.exists() and _is_old(path) and str(path) not in _backing_files():
                LOG.info("Cached image %s: removing it", path)
                path.unlink()


def _finished_name(path: pathlib.Path) -> str:
    """The final name of a file that may be unfinished; the lock has this name."""
    return path.stem if path.suffix in UNFINISHED else path.name


def _is_old(path: pathlib.Path) -> bool:
    age = time.time() - path.stat().st_mtime
    return age >= CONF.image_cache.remove_unused_original_minimum_age_seconds


def _backing_files() -> set[str]:
    """The backing files of all disks on this host. Raw disks are not read: their content comes from
    the guest."""
    if CONF.libvirt.images_type not in _OVERLAYS:
        return set()
    disks = utils.instances_path().glob("*/disk*")
    found = {utils.find_backing_file(path) for path in disks if path.name not in CONFIG_DRIVES}
    return {path for path in found if path}
