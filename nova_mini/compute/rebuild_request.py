"""What a rebuild changes in a server's record."""

from __future__ import annotations

from dataclasses import dataclass, field

from nova_mini.compute import create_checks, image_checks
from nova_mini.objects.image_meta import SYSTEM_METADATA_PREFIX, ImageMeta
from nova_mini.objects.instance import Instance


@dataclass(slots=True, kw_only=True)
class RebuildRequest:
    """``changes``: fields of the record that the user sets (display_name, access_ip_v4, key_name,
    user_data, ...). ``metadata`` None: it stays. ``injected_files``: (path, base64)."""

    image_ref: str
    admin_password: str = field(repr=False)
    preserve_ephemeral: bool = False
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
    }
    fields = {"image_ref": image.id, "progress": 0, **image_checks.guest_fields(image)}
    fields["system_metadata"] = _system_metadata(instance, image)
    if request.metadata is not None:
        fields["metadata"] = request.metadata
    fields.update(request.changes)
    if "key_name" in fields:
        fields["key_data"] = create_checks.load_key(context, fields["key_name"])
    for name, value in fields.items():
        setattr(instance, name, value)
    return args


def _system_metadata(instance: Instance, image: ImageMeta) -> dict[str, str]:
    """What the server remembers, with the new image in the place of the old."""
    kept = {
        name: value
        for name, value in instance.system_metadata.items()
        if not name.startswith(SYSTEM_METADATA_PREFIX)
    }
    return {**kept, **image.to_system_metadata(instance.flavor.root_gb)}
