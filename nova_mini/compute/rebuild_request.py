"""What a rebuild changes in a server's record."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from nova_mini import exception
from nova_mini.compute import create_checks, image_checks, volume_backed_image
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.image_meta import SYSTEM_METADATA_PREFIX, ImageMeta
from nova_mini.objects.instance import Instance


@dataclass(slots=True, kw_only=True)
class RebuildRequest:
    """``changes``: fields of the record that the user sets (display_name, access_ip_v4, key_name,
    user_data, ...). ``metadata`` None: it stays. ``injected_files``: (path, base64).
    ``reimage_boot_volume``: a root disk that is a volume gets the image's content, too."""

    image_ref: str
    admin_password: str = field(repr=False)
    preserve_ephemeral: bool = False
    reimage_boot_volume: bool = False
    injected_files: list[tuple[str, str]] = field(default_factory=list, repr=False)
    metadata: dict[str, str] | None = None
    changes: dict = field(default_factory=dict)


def apply(context, instance: Instance, request: RebuildRequest, image: ImageMeta) -> dict:
    """Write the request into ``instance`` (not saved); the arguments of the rebuild.

    Raises InvalidInput for a key that the user does not have.
    """
    args = {
        "image_ref": image.id,
        "orig_image_ref": instance.image_ref,
        "admin_password": request.admin_password,
        "injected_files": [list(each) for each in request.injected_files],
        "preserve_ephemeral": request.preserve_ephemeral,
        "reimage_boot_volume": request.reimage_boot_volume and instance.is_volume_backed,
    }
    fields = {"progress": 0, **image_checks.guest_fields(image)}
    if instance.is_volume_backed:
        image = dataclasses.replace(image, id=None)  # what it runs from is the volume's affair
    else:
        fields["image_ref"] = image.id
    fields["system_metadata"] = _system_metadata(instance, image)
    if request.metadata is not None:
        fields["metadata"] = request.metadata
    fields.update(request.changes)
    if "key_name" in fields:
        fields["key_data"] = create_checks.load_key(context, fields["key_name"])
    for name, value in fields.items():
        setattr(instance, name, value)
    return args


def check_image(
    context, volume_api, instance: Instance, request: RebuildRequest, image: ImageMeta
) -> None:
    """Whether the server's root disk can have it.

    Raises InvalidInput, and as ``image_checks``.
    """
    if volume_backed_image.mappings_of(image):
        raise exception.InvalidInput(
            reason=f"image {image.id} has no data of its own: it names snapshots of volumes"
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


def _system_metadata(instance: Instance, image: ImageMeta) -> dict[str, str]:
    """What the server remembers, with the new image in the place of the old."""
    kept = {
        name: value
        for name, value in instance.system_metadata.items()
        if not name.startswith(SYSTEM_METADATA_PREFIX)
    }
    return {**kept, **image.to_system_metadata(instance.flavor.root_gb)}
