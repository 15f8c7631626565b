"""Whether an image can run in a flavor."""

from __future__ import annotations

from oslo_utils import units

from nova_mini import exception
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.image_meta import ImageMeta


def check_fits(image: ImageMeta, flavor: Flavor) -> None:
    """For a root disk on the host; one of 0 GiB takes the image's own size.

    Raises FlavorDiskSmallerThanMinDisk, FlavorDiskSmallerThanImage, and as :func:`check_runs`.
    """
    check_runs(image, flavor)
    if not flavor.root_gb:
        return
    if image.min_disk > flavor.root_gb:
        raise exception.FlavorDiskSmallerThanMinDisk(
            flavor_size=flavor.root_gb, image_min_disk=image.min_disk
        )
    if (image.size or 0) > flavor.root_gb * units.Gi:
        raise exception.FlavorDiskSmallerThanImage(
            flavor_size=flavor.root_gb * units.Gi, image_size=image.size
        )


def check_fits_volume(image: ImageMeta, volume_size: int) -> None:
    """For a root disk that is a volume of so many GiB. Raises InvalidBDM."""
    needed = max(image.min_disk, -(-(image.size or 0) // units.Gi))
    if volume_size < needed:
        raise exception.InvalidBDM(
            reason=f"image {image.id} needs a volume of {needed} GiB at least"
        )


def check_runs(image: ImageMeta, flavor: Flavor) -> None:
    """Wherever its disk is. Raises ImageNotActive, FlavorMemoryTooSmall."""
    if image.status != "active":
        raise exception.ImageNotActive(image_id=image.id)
    if image.min_ram > flavor.memory_mb:
        raise exception.FlavorMemoryTooSmall()


def guest_fields(image: ImageMeta) -> dict:
    """What a server's record takes from its image beside ``system_metadata``."""
    properties = image.properties
    return {
        "kernel_id": properties.get("kernel_id"),
        "ramdisk_id": properties.get("ramdisk_id"),
        "os_type": properties.get("os_type"),
        "architecture": properties.get("architecture"),
    }
