"""The Glance record of an image that is made from a server."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from nova_mini import exception
from nova_mini.context import RequestContext
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance

# Prefixes of properties that describe the base image's data, or that only Glance sets.
_NOT_INHERITED = (
    "bittorrent",
    "cache_in_nova",
    "img_signature",
    "os_glance",
    "owner_specified.openstack",
)
#: By these properties a rotation finds the backups of a server.
BACKUP_PROPERTIES = ("image_type", "backup_type", "instance_uuid")
_FIELDS = frozenset(field.name for field in dataclasses.fields(ImageMeta)) - {"properties"}


def image_id_of(instance_uuid: str, request_id: str) -> str:
    """Return the id of the image that a request makes from a server. No other image has this id,
    because it is derived from the action."""
    return str(uuid.uuid5(uuid.UUID(instance_uuid), request_id))


def image_record(
    context: RequestContext,
    instance: Instance,
    name: str,
    properties: dict[str, str],
    backup_type: str | None = None,
) -> dict[str, Any]:
    """Return a Glance record: the properties of the base image, the identity of the server,
    the user's ``properties``, and the ``id`` of the new image. ``backup_type``: it is a backup.

    Raises InvalidInput for a property that has the name of a field of images.
    """
    if used := sorted(_FIELDS.intersection(properties)):
        raise exception.InvalidInput(
            reason=f"metadata of an image cannot be named {', '.join(used)}: images have fields "
            "of that name"
        )
    base = ImageMeta.from_instance(instance)
    inherited = {
        key: value for key, value in base.properties.items() if not key.startswith(_NOT_INHERITED)
    }
    record = {
        **inherited,
        "image_type": "snapshot",
        "instance_uuid": instance.uuid,
        "user_id": context.user_id,
        "base_image_ref": base.id or "",
        **properties,
        **(_backup(instance, backup_type) if backup_type is not None else {}),
        "id": image_id_of(instance.uuid, context.request_id),
        "name": name,
        "visibility": "private",
        "min_ram": base.min_ram,
        "min_disk": max(base.min_disk, instance.root_gb),
        "disk_format": base.disk_format,
        "container_format": base.container_format,
    }
    return {key: value for key, value in record.items() if value is not None}


def _backup(instance: Instance, backup_type: str) -> dict[str, str]:
    """BACKUP_PROPERTIES; a user's property of the same name is replaced."""
    return dict(
        zip(BACKUP_PROPERTIES, ("backup", backup_type, instance.uuid), strict=True),
    )
