"""The image that stores the root disk of a shelved server.

The id of the image is saved in the server's system metadata together with the request to shelve.
A later delete, unshelve or undo can therefore delete the image in any case.
"""

from __future__ import annotations

import datetime
import logging
from typing import Any

from nova_mini import exception
from nova_mini.clock import utcnow
from nova_mini.context import RequestContext
from nova_mini.external import snapshot_record
from nova_mini.image import glance
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

_AT, _IMAGE_ID, _HOST = "shelved_at", "shelved_image_id", "shelved_host"


def id_of(instance: Instance) -> str | None:
    """Return the id of the image; None for a volume-backed server or one that is not shelved."""
    return instance.system_metadata.get(_IMAGE_ID)


def announce(context: RequestContext, instance: Instance) -> None:
    """Set (not saved) the id of the image that the request of ``context`` will make."""
    image_id = snapshot_record.image_id_of(instance.uuid, context.request_id)
    instance.change_system_metadata({_IMAGE_ID: image_id})


def record(context: RequestContext, instance: Instance) -> dict[str, Any]:
    """Return the Glance record of the image. Its owner is the server's project, even if an
    administrator shelves the server."""
    name = f"{instance.display_name}-shelved"
    fields = snapshot_record.image_record(context, instance, name, {})
    return {**fields, "owner": instance.project_id}


def remember(instance: Instance) -> None:
    """Set (not saved) the time and the host of the shelving."""
    instance.change_system_metadata({_AT: utcnow().isoformat(), _HOST: instance.host})


def shelved_at(instance: Instance) -> datetime.datetime:
    """Return the time of the shelving, in UTC."""
    return datetime.datetime.fromisoformat(instance.system_metadata[_AT])


def forget(instance: Instance) -> None:
    """Remove (not saved) all items about the shelving."""
    instance.change_system_metadata({}, removed=(_AT, _IMAGE_ID, _HOST))


@traced("delete")
def delete(image_api: glance.API, context: RequestContext, instance: Instance) -> None:
    """Delete the image. If Glance refuses, because the user has protected the image, it stays.

    Raises GlanceConnectionFailed.
    """
    image_id = id_of(instance)
    if image_id is None:
        return
    try:
        image_api.delete(context, image_id)
    except (exception.ImageNotAuthorized, exception.ImageBadRequest) as exc:
        LOG.warning("Instance %s: could not delete image %s: %s", instance.uuid, image_id, exc)
