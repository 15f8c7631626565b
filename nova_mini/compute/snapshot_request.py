"""The record of an image that a server's disk is to become."""

from __future__ import annotations

import dataclasses
import uuid

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance

# Beginnings of the names of what was true of the base image's own data, or is Glance's to say.
_NOT_INHERITED = (
    "bittorrent",
    "cache_in_nova",
    "img_signature",
    "os_glance",
    "owner_specified.openstack",
)
_FIELDS = frozenset(field.name for field in dataclasses.fields(ImageMeta)) - {"properties"}


def image_id_of(instance_uuid: str, request_id: str) -> str:
    """The image that a request to make one of a server is for. Who knows the action knows the
    image, and no other image has such an id."""
    return str(uuid.uuid5(uuid.UUID(instance_uuid), request_id))


def image_record(context, instance: Instance, name: str, properties: dict[str, str]) -> dict:
    """A Glance record: what the base image said of its guest, what identifies the server, and the
    user's ``properties``. Its ``id`` is known before it is made.

    Raises InvalidInput for a property that has the name of a field of images.
    """
    if taken := sorted(_FIELDS.intersection(properties)):
        raise exception.InvalidInput(
            reason=f"metadata of an image cannot be named {', '.join(taken)}: images have fields "
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
        "id": image_id_of(instance.uuid, context.request_id),
        "name": name,
        "visibility": "private",
        "min_ram": base.min_ram,
        "min_disk": max(base.min_disk, instance.root_gb),
        "disk_format": base.disk_format,
        "container_format": base.container_format,
    }
    return {key: value for key, value in record.items() if value is not None}
