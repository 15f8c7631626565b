"""Checks a rebuild request and writes it into the server's record."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from nova_mini import exception
from nova_mini.actions.parameters import RebuildParameters
from nova_mini.compute.requests import create_checks, image_checks
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.external import volume_backed_image
from nova_mini.objects import image_isolation
from nova_mini.objects.aggregate import AggregateList
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.image_meta import SYSTEM_METADATA_PREFIX, ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.service import Service
from nova_mini.volume import cinder


@dataclass(slots=True, kw_only=True)
class RebuildRequest:
    """``changes``: fields of the record that the user sets (display_name, access_ip_v4, key_name,
    user_data, ...). ``metadata`` None: unchanged. ``injected_files``: (path, content in base64).
    ``reimage_boot_volume``: write the image also to a root disk that is a volume."""

    image_ref: str
    admin_password: str = field(repr=False)
    preserve_ephemeral: bool = False
    reimage_boot_volume: bool = False
    injected_files: list[tuple[str, str]] = field(default_factory=list, repr=False)
    metadata: dict[str, str] | None = None
    changes: dict[str, Any] = field(default_factory=dict)


def apply(
    context: RequestContext, instance: Instance, request: RebuildRequest, image: ImageMeta
) -> RebuildParameters:
    """Write the request into ``instance`` (not saved) and return the parameters of the rebuild.

    Raises InvalidInput for a key that the user does not have.
    """
    parameters = RebuildParameters(
        image_ref=image.id or request.image_ref,
        orig_image_ref=instance.image_ref,
        admin_password=request.admin_password,
        injected_files=[list(each) for each in request.injected_files],
        preserve_ephemeral=request.preserve_ephemeral,
        reimage_boot_volume=request.reimage_boot_volume and instance.is_volume_backed,
    )
    fields: dict[str, Any] = {"progress": 0, **image_checks.guest_fields(image)}
    if instance.is_volume_backed:
        image = dataclasses.replace(image, id=None)  # its root disk remains the volume
    else:
        fields["image_ref"] = image.id
    if request.metadata is not None:
        fields["metadata"] = request.metadata
    fields.update(request.changes)
    if "key_name" in fields:
        fields["key_data"] = create_checks.load_key(context, fields["key_name"])
    items = _system_metadata(instance, image)
    before = {
        "fields": {name: getattr(instance, name) for name in fields},
        "system_metadata": {name: instance.system_metadata.get(name) for name in items},
    }
    for name, value in fields.items():
        setattr(instance, name, value)
    instance.update_system_metadata(items)
    if Service.compute_version(instance.host) < 2:
        return parameters  # a compute of this version does not know ``before``
    return parameters.replace(before=before)


def check_image(
    context: RequestContext,
    volume_api: cinder.API,
    instance: Instance,
    request: RebuildRequest,
    image: ImageMeta,
) -> None:
    """Check that the image fits the server's root disk and that its host can run it.

    Raises InvalidInput, and the errors of ``image_checks``.
    """
    image_checks.check_host(context, instance, image)
    if instance.host is not None and image.id != instance.image_ref:
        _check_isolation(context, instance, image)
    if volume_backed_image.has_root(volume_backed_image.mappings_of(image)):
        raise exception.InvalidInput(
            reason=f"image {image.id} has no data of its own: it consists of volume snapshots"
        )
    if not instance.is_volume_backed:
        image_checks.check_fits(image, instance.flavor)
        return
    bdms = BlockDeviceMappingList.get_by_instance_uuid(context, instance.uuid)
    volume = volume_api.get(context, next(bdm.volume_id for bdm in bdms if bdm.is_root))
    if request.reimage_boot_volume:
        image_checks.check_fits_volume(image, volume.size)
        image_checks.check_runs(image, instance.flavor)
    elif volume.image_metadata.get("image_id") != image.id:
        raise exception.InvalidInput(
            reason="Unable to rebuild with a different image for a volume-backed server. Use API "
            "version 2.93 or newer"
        )


def _check_isolation(context: RequestContext, instance: Instance, image: ImageMeta) -> None:
    """Check a new image against the filters of the scheduler that isolate images. Raises
    InvalidInput."""
    enabled = CONF.filter_scheduler.enabled_filters
    if image_isolation.ISOLATED_HOSTS in enabled:
        of_disk = None if instance.is_volume_backed else image.id
        _require(image_isolation.isolated_hosts_allow(instance.host, of_disk), image)
    if image_isolation.AGGREGATE_PROPERTIES in enabled:
        aggregates = AggregateList.get_by_host(context, instance.host)
        for key, value in image_isolation.restricted(image.properties).items():
            values = {each.metadata[key] for each in aggregates if key in each.metadata}
            _require(image_isolation.allows(image_isolation.listed(values), value), image)


def _require(is_allowed: bool, image: ImageMeta) -> None:
    if not is_allowed:
        raise exception.InvalidInput(reason=f"image {image.id} may not run on the server's host")


def _system_metadata(instance: Instance, image: ImageMeta) -> dict[str, str | None]:
    """Return the changes of the system metadata for the new image. None removes an item."""
    old = [name for name in instance.system_metadata if name.startswith(SYSTEM_METADATA_PREFIX)]
    return {
        **dict.fromkeys(old),
        **image.to_system_metadata(instance.flavor.root_gb),
        **image_checks.authorization_of(image),
    }
