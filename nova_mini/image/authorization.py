"""The images from which a server may be made.

The API reads each image with the user's token and stores the ids in the server's record, in the
transaction of the intent. A compute makes files only from these images. It cannot check this by the
image cache, which is for all projects, or by the user's token, which it does not have after a
crash.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nova_mini import exception

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.image import glance
    from nova_mini.objects.instance import Instance

# A key of a server's system metadata. It cannot be an image property: their keys begin with
# "image_" there.
_KEY = "authorized_images"


def record(image_ids: Iterable[str | None]) -> dict[str, str]:
    """The system metadata with the ids of the images that a server may use. Called by the API."""
    return {_KEY: ",".join(dict.fromkeys(image_id for image_id in image_ids if image_id))}


def check(
    context: RequestContext, image_api: glance.API, instance: Instance, image_id: str
) -> None:
    """Check that the server may use the image. Called by a compute before it reads the image cache.

    An image that is not in the server's record (the server was created by an older release, or it
    was shelved in this image) must be visible to the server's project. Raises ImageNotFound,
    ImageNotAuthorized, GlanceConnectionFailed.
    """
    if image_id in instance.system_metadata.get(_KEY, "").split(","):
        return
    if not image_api.is_visible_to(context, image_id, instance.project_id):
        raise exception.ImageNotAuthorized(image_id=image_id)
