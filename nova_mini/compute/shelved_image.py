"""The image that a shelved server is kept in.

Which it is stands in the server's system metadata from the moment in which it is asked for, so
whoever ends the server's shelving, or the server, knows what is to go.
"""

from __future__ import annotations

import datetime
import logging

from nova_mini import exception
from nova_mini.compute import snapshot_request
from nova_mini.objects.base import utcnow
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

_AT, _IMAGE_ID, _HOST = "shelved_at", "shelved_image_id", "shelved_host"


def id_of(instance: Instance) -> str | None:
    """None of a server that runs from a volume, or is not shelved."""
    return instance.system_metadata.get(_IMAGE_ID)


def announce(context, instance: Instance) -> None:
    """Write down (not saved) which image the context's request will make of the server."""
    image_id = snapshot_request.image_id_of(instance.uuid, context.request_id)
    instance.system_metadata = {**instance.system_metadata, _IMAGE_ID: image_id}


def record(context, instance: Instance) -> dict:
    """The Glance record of the image that was announced; the server's project has it, whoever
    shelves the server."""
    name = f"{instance.display_name}-shelved"
    made = snapshot_request.image_record(context, instance, name, {})
    return {**made, "owner": instance.project_id}


def remember(instance: Instance) -> None:
    """Write down (not saved) since when and where the server is shelved."""
    instance.system_metadata = {
        **instance.system_metadata,
        _AT: utcnow().isoformat(),
        _HOST: instance.host,
    }


def shelved_at(instance: Instance) -> datetime.datetime:
    """UTC."""
    return datetime.datetime.fromisoformat(instance.system_metadata[_AT])


def forget(instance: Instance) -> None:
    """Write down (not saved) that the server is not shelved."""
    keys = (_AT, _IMAGE_ID, _HOST)
    kept = {name: value for name, value in instance.system_metadata.items() if name not in keys}
    instance.system_metadata = kept


@traced
def delete(image_api, context, instance: Instance) -> None:
    """One that Glance does not give away (its user has protected it) stays its user's.

    Raises GlanceConnectionFailed.
    """
    image_id = id_of(instance)
    if image_id is None:
        return
    try:
        image_api.delete(context, image_id)
    except (exception.ImageNotAuthorized, exception.ImageBadRequest) as exc:
        LOG.warning("Image %s of instance %s stays: %s", image_id, instance.uuid, exc)
