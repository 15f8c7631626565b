"""Checks whether a server with a given flavor can run an image."""

from __future__ import annotations

from oslo_utils import units

from nova_mini import exception
from nova_mini.context import RequestContext
from nova_mini.guest_options import implied_traits
from nova_mini.guest_options.option import GuestRequirements
from nova_mini.image import authorization
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.host_needs import HostNeeds
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.trait_needs import TraitNeeds

_MAX_COLUMN = 255


def check_fits(image: ImageMeta, flavor: Flavor) -> None:
    """Check a root disk on the host; with ``root_gb`` 0, any size of the image fits.

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
    """Check a root disk that is a volume of ``volume_size`` GiB. Raises InvalidBDM."""
    needed = max(image.min_disk, -(-(image.size or 0) // units.Gi))
    if volume_size < needed:
        raise exception.InvalidBDM(
            reason=f"image {image.id} needs a volume of {needed} GiB at least"
        )


def check_runs(image: ImageMeta, flavor: Flavor) -> None:
    """Check status and memory, for any kind of root disk.

    Raises ImageNotActive, FlavorMemoryTooSmall.
    """
    if image.status != "active":
        raise exception.ImageNotActive(image_id=image.id)
    if image.min_ram > flavor.memory_mb:
        raise exception.FlavorMemoryTooSmall()


def check_host(context: RequestContext, instance: Instance, image: ImageMeta) -> None:
    """Check what the image requires of the server's host, for a server that stays there: the
    scheduler is not used. Raises InvalidInput."""
    requested = GuestRequirements(instance.flavor.extra_specs, image.properties)
    needs = HostNeeds.of(image.properties)
    traits = TraitNeeds.of(image.properties, implied_traits.of(requested))
    if not (needs or traits) or instance.host is None:
        return
    node = ComputeNode.get_by_host(context, instance.host)
    if not needs.are_met_by(node.supported_instances or [], node.hypervisor_version):
        raise exception.InvalidInput(
            reason=f"image {image.id} requires an architecture, a hypervisor or a virtual machine "
            "mode that the server's host does not have"
        )
    if not traits.are_met_by(node.traits):
        raise exception.InvalidInput(
            reason=f"image {image.id} requires traits that the server's host does not have, or "
            "forbids traits that it has"
        )


def authorization_of(image: ImageMeta) -> dict[str, str]:
    """Return system metadata that allows a server's host to read ``image``, its kernel and its
    ramdisk. Only for images that were read as the user."""
    properties = image.properties
    return authorization.record(
        [image.id, properties.get("kernel_id"), properties.get("ramdisk_id")]
    )


def guest_fields(image: ImageMeta) -> dict[str, str | None]:
    """Return the fields of a server's record that are copied from its image.

    Raises InvalidInput for a property that is too long for its column.
    """
    fields = {
        name: image.properties.get(name) or None
        for name in ("kernel_id", "ramdisk_id", "os_type", "architecture")
    }
    for name, value in fields.items():
        if value and len(value) > _MAX_COLUMN:
            raise exception.InvalidInput(
                reason=f"the property {name} of the image may have at most {_MAX_COLUMN} characters"
            )
    return fields
