"""Checks of the guest options of a flavor and an image, before a server is made or changed."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.guest_options import check
from nova_mini.guest_options.option import GuestRequirements
from nova_mini.numa.guest import GuestTopology
from nova_mini.numa.request import InvalidTopology, topology_of
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance


def check_new(flavor: Flavor, image: ImageMeta) -> None:
    """Check a new server. ``image``: also the image of a boot volume. Raises InvalidGuestOption.

    Options that depend on the host are checked by the scheduler.
    """
    check.check_request(_requirements(flavor, image))


def check_on_host(flavor: Flavor, image: ImageMeta) -> None:
    """Check a new image for a server that stays on its host, without the scheduler (rebuild,
    rescue). Raises InvalidGuestOption."""
    check.check_on_host(_requirements(flavor, image))


def check_topology_stays(instance: Instance, new: ImageMeta) -> None:
    """A server that stays on its host keeps its NUMA nodes and CPUs. ``new``: its new image, whose
    options were checked. Raises InvalidInput."""
    flavor, old = instance.flavor, ImageMeta.from_instance(instance)
    if _topology(flavor, old) != _topology(flavor, new):
        raise exception.InvalidInput(
            reason=f"image {new.id} requests other NUMA nodes, CPUs or pages than the server has"
        )


def _topology(flavor: Flavor, image: ImageMeta) -> GuestTopology | None:
    try:
        return topology_of(flavor.extra_specs, image.properties, flavor.vcpus, flavor.memory_mb)
    except InvalidTopology:  # the server is older than the check: it got no topology
        return None


def _requirements(flavor: Flavor, image: ImageMeta) -> GuestRequirements:
    return GuestRequirements(
        extra_specs=flavor.extra_specs,
        image_properties=image.properties,
        vcpus=flavor.vcpus,
        memory_mb=flavor.memory_mb,
        local_gb=flavor.disk_gb if image.id else flavor.disk_gb - flavor.root_gb,
    )
