"""The kernel and the ramdisk of a server whose image has no boot loader: files that QEMU reads.

They are copied from the image cache, as disks are. They are never converted, so that a small image
cannot become a large file.
"""

from __future__ import annotations

import functools
import pathlib
from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.image import authorization, kernels
from nova_mini.trace import traced
from nova_mini.virt.libvirt import disks, utils
from nova_mini.virt.libvirt.guest_config import BootFiles
from nova_mini.virt.libvirt.imagebackend.file import Flat

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance
    from nova_mini.objects.instance import Instance


class BootFile(Flat):
    """A copy of a raw image in the instance's folder."""

    def __init__(self, instance, name: str, image_id: str):
        super().__init__(instance, name)
        self._image_id = image_id
        self._flavor = instance.flavor

    def verify_base_size(self, base: pathlib.Path, size: int | None) -> None:
        """Check format and size of the cached file, which may have been cached as another server's
        disk. Raises ImageUnacceptable."""
        if utils.get_base_format(base) != "raw":
            raise exception.ImageUnacceptable(image_id=self._image_id, reason="it is not raw")
        kernels.check_size(self._image_id, base.stat().st_size, self._flavor)


@traced("fetch")
def fetch(
    context: RequestContext,
    image_api: glance.API,
    instance: Instance,
    fallback_from_host: str | None = None,
) -> None:
    """Copy the kernel and the ramdisk of the server, if it has them; existing files are kept.

    Raises what :func:`copy` and ``authorization.check`` raise.
    """
    own = BootFiles(instance.kernel_id, instance.ramdisk_id)
    for name, image_id in own.images().items():
        if not BootFile(instance, name, image_id).exists():
            authorization.check(context, image_api, instance, image_id)
    copy(context, image_api, instance, own, fallback_from_host)


def copy(
    context: RequestContext,
    image_api: glance.API,
    instance: Instance,
    files: BootFiles,
    fallback_from_host: str | None = None,
) -> None:
    """Copy images that the server may use; existing files are kept.

    Raises ImageUnacceptable and what ``disks.fetch_image`` raises.
    """
    for name, image_id in files.images().items():
        boot_file = BootFile(instance, name, image_id)
        if not boot_file.exists():
            disks.fetch_image(
                context,
                image_api,
                boot_file,
                image_id,
                0,
                fallback_from_host,
                check_record=functools.partial(kernels.check, flavor=instance.flavor),
            )
