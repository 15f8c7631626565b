"""Check a request to move a server to another flavor or host."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute.requests import guest_option_checks
from nova_mini.context import RequestContext
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.service import LIVE_MIGRATION_VERSION, MOVES_VERSION, Service


def new_flavor(context: RequestContext, instance: Instance, flavor_id: str) -> Flavor:
    """The flavor to resize to. Raises InvalidInput for one that does not exist or is disabled,
    CannotResizeToSameFlavor, CannotResizeDisk, and the errors of an image that does not fit."""
    try:
        flavor = Flavor.get_by_flavor_id(context, flavor_id)
    except exception.FlavorNotFound as exc:
        raise exception.InvalidInput(reason=exc.format_message()) from exc
    if flavor.flavorid == instance.flavor.flavorid:
        raise exception.CannotResizeToSameFlavor()
    if flavor.disabled:
        raise exception.InvalidInput(
            reason=exception.FlavorNotFound(flavor_id=flavor_id).format_message()
        )
    _check_disks(instance, flavor)
    image = ImageMeta.from_instance(instance)
    if image.min_ram > flavor.memory_mb:
        raise exception.FlavorMemoryTooSmall()
    guest_option_checks.check_new(flavor, image)
    return flavor


def _check_disks(instance: Instance, flavor: Flavor) -> None:
    """A disk is never made smaller, because the guest's file system would lose its end."""
    old = instance.flavor
    if not instance.is_volume_backed:
        if not flavor.root_gb and old.root_gb:
            raise exception.CannotResizeDisk(reason="Resize to zero disk flavor is not allowed.")
        if flavor.root_gb < old.root_gb:
            raise exception.CannotResizeDisk(
                reason=f"its root disk has {old.root_gb} GiB, and the flavor only {flavor.root_gb}."
            )
    if flavor.ephemeral_gb < old.ephemeral_gb:
        raise exception.CannotResizeDisk(
            reason=f"its ephemeral disks have {old.ephemeral_gb} GiB, and the flavor only "
            f"{flavor.ephemeral_gb}."
        )


def check_source(instance: Instance) -> None:
    """Raises Conflict if the server's host is of a release that cannot give a server away."""
    if Service.compute_version(instance.host) < MOVES_VERSION:
        raise exception.Conflict(
            f"The host of instance {instance.uuid} must be upgraded before the server can move."
        )


def check_live_source(context: RequestContext, instance: Instance) -> None:
    """Raises Conflict as :func:`check_source`; SourceServiceUnavailable if the host is down."""
    service = Service.get_by_host_and_binary(context, instance.host, "nova-mini-compute")
    if service.version < LIVE_MIGRATION_VERSION:
        raise exception.Conflict(
            f"The host of instance {instance.uuid} must be upgraded before the server can move."
        )
    if not service.is_alive:
        raise exception.SourceServiceUnavailable(internal=instance.host)


def check_destination(context: RequestContext, instance: Instance, host: str) -> None:
    """Raises InvalidInput for a host that does not exist, CannotMigrateToSameHost."""
    try:
        ComputeNode.get_by_host(context, host)
    except exception.ComputeHostNotFound as exc:
        raise exception.InvalidInput(reason=exc.format_message()) from exc
    if host == instance.host:
        raise exception.CannotMigrateToSameHost()
