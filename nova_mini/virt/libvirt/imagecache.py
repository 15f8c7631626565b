"""Removing cached images that nothing needs any more, and never one that something does."""

from __future__ import annotations

import pathlib
import time

from oslo_log import log as logging

from nova_mini.conf import CONF
from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.disks import get_cache_fname

LOG = logging.getLogger(__name__)

UNFINISHED = (".part", ".converted")


class ImageCacheManager:
    def update(self, used_images: set[str]) -> None:
        """``used_images``: ids of the images of all instances on this host.

        A file goes when no instance is of its image, no disk here refers to it, and it has not
        been used for long. All is looked at again under the lock under which disks are made.
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
                LOG.info("removing cached image %s", path)
                path.unlink()


def _finished_name(path: pathlib.Path) -> str:
    """The name that an unfinished file was meant to get: its lock is that one's."""
    return path.stem if path.suffix in UNFINISHED else path.name


def _is_old(path: pathlib.Path) -> bool:
    age = time.time() - path.stat().st_mtime
    return age >= CONF.image_cache.remove_unused_original_minimum_age_seconds


def _backing_files() -> set[str]:
    """Every base that some disk on this host is an overlay of."""
    disks = utils.instances_path().glob("*/disk*")
    found = {utils.find_backing_file(path) for path in disks if path.suffix != ".config"}
    return {path for path in found if path}
