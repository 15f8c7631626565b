"""Kernels and ramdisks: images to which an image without a boot loader refers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oslo_utils import units

from nova_mini import exception

if TYPE_CHECKING:
    from nova_mini.objects.flavor import Flavor
    from nova_mini.objects.image_meta import ImageMeta

_NAMES = ("kernel_id", "ramdisk_id")
_RAW_FORMATS = frozenset({"raw", "aki", "ami", "ari"})
_MAX_SHOWN = 80  # characters of a property in a message


def resolve(image: ImageMeta, flavor: Flavor, get_image: Callable[[str], ImageMeta]) -> ImageMeta:
    """Check the kernel and the ramdisk of ``image``; returns the image with their ids as Glance has
    them. Called by the API.

    ``get_image(image_id)`` reads an image with the user's token: a property can name any image, but
    the user must be allowed to read it. Raises InvalidInput, ImageNotActive, ImageUnacceptable.
    """
    found: dict[str, Any] = {}
    for name in _NAMES:
        if image_id := image.properties.get(name):
            named = get_image(image_id[:_MAX_SHOWN])
            check(named, flavor)
            found[name] = named.id
    return dataclasses.replace(image, properties={**image.properties, **found}) if found else image


def check(image: ImageMeta, flavor: Flavor) -> None:
    """Check by its record that an image can be a kernel or ramdisk.

    Raises ImageNotActive, ImageUnacceptable.
    """
    if image.status != "active":
        raise exception.ImageNotActive(image_id=image.id)
    if image.disk_format not in _RAW_FORMATS:
        raise exception.ImageUnacceptable(
            image_id=image.id,
            reason=f"a kernel or ramdisk must be aki, ari or raw, not {image.disk_format}",
        )
    check_size(image.id, image.size or 0, flavor)


def check_size(image_id: str | None, size: int, flavor: Flavor) -> None:
    """Check that a kernel of ``size`` bytes fits into the server's memory, into which it is loaded,
    and into its root disk, which is the space that the server may use on the host's disk.

    Raises ImageUnacceptable.
    """
    limit = flavor.memory_mb * units.Mi
    if flavor.root_gb:
        limit = min(limit, flavor.root_gb * units.Gi)
    if size > limit:
        raise exception.ImageUnacceptable(
            image_id=image_id,
            reason=f"it has {size} bytes; with this flavor, a kernel or ramdisk can have at most "
            f"{limit} bytes",
        )
