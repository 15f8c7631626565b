"""Checks a rescue request: the image, and whether the server can be rescued with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from oslo_utils import units

from nova_mini import exception
from nova_mini.actions.parameters import RescueParameters
from nova_mini.compute.requests import guest_option_checks, image_checks
from nova_mini.context import RequestContext
from nova_mini.external import volume_backed_image
from nova_mini.guest_options import rescue_options
from nova_mini.image import kernels
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.service import RESCUE_VERSION, Service
from nova_mini.volume import cinder


@dataclass(slots=True, kw_only=True)
class RescueRequest:
    """``image_ref`` None: the image that the server was made from. ``supports_volume_backed``:
    since microversion 2.87."""

    image_ref: str | None
    admin_password: str = field(repr=False)
    supports_volume_backed: bool = False


def find_image(
    instance: Instance, request: RescueRequest, get_image: Callable[[str], ImageMeta]
) -> ImageMeta:
    """Return the image of the rescue disk, checked. ``get_image(image id)`` reads it as the user.

    The image that the server was made from is not read again: its user may use it already. Raises
    UnsupportedRescueImage, and the errors of ``image_checks`` and ``kernels``.
    """
    if request.image_ref is None:
        return ImageMeta.from_instance(instance)
    unsupported = exception.UnsupportedRescueImage(image=request.image_ref)
    try:
        image = get_image(request.image_ref)
    except exception.InvalidInput as exc:
        raise unsupported from exc
    if volume_backed_image.has_root(volume_backed_image.mappings_of(image)):
        raise unsupported  # it has no data of its own
    image_checks.check_runs(image, instance.flavor)
    guest_option_checks.check_on_host(instance.flavor, image)
    return kernels.resolve(image, instance.flavor, get_image)


def check(
    context: RequestContext,
    volume_api: cinder.API,
    instance: Instance,
    request: RescueRequest,
    image: ImageMeta,
) -> RescueParameters:
    """Check that the server can be rescued with the image; returns the parameters of the rescue.

    Raises InstanceNotRescuable, InvalidInput, and Conflict for a volume that is not in use.
    """
    image_checks.check_host(context, instance, image)
    bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
    _check_volumes(context, volume_api, bdms)
    supports_volume_backed = request.supports_volume_backed and rescue_options.is_stable(
        image.properties
    )
    if image.id is None or (instance.is_volume_backed and not supports_volume_backed):
        raise _not_rescuable(instance, "Cannot rescue a volume-backed instance")
    if Service.compute_version(instance.host) < RESCUE_VERSION:
        raise _not_rescuable(instance, "its host runs a release that cannot rescue servers")
    return RescueParameters(
        image_ref=image.id,
        image=image.to_system_metadata(),
        image_name=image.name,
        max_disk_size=_max_disk_size(instance, bdms, image),
        admin_password=request.admin_password,
    )


def _not_rescuable(instance: Instance, reason: str) -> exception.InstanceNotRescuable:
    return exception.InstanceNotRescuable(instance_id=instance.uuid, reason=reason)


def _check_volumes(
    context: RequestContext, volume_api: cinder.API, bdms: BlockDeviceMappingList
) -> None:
    for bdm in bdms:
        if bdm.is_volume:
            volume = volume_api.get(context, bdm.volume_id)
            if volume.status != "in-use":
                raise exception.Conflict(
                    f"Invalid volume: volume {volume.id} status must be 'in-use'. Currently in "
                    f"'{volume.status}' status"
                )


def _max_disk_size(instance: Instance, bdms: BlockDeviceMappingList, image: ImageMeta) -> int:
    """A rescue disk may be as large as the server's root disk, so that a small image cannot become
    a large file, or as large as the image is in Glance."""
    root_gb = instance.root_gb
    if instance.is_volume_backed:
        root_gb = next(bdm.volume_size for bdm in bdms if bdm.is_root) or 0
    return max(root_gb * units.Gi, image.size or 0) if root_gb else 0
