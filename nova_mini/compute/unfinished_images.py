"""An image of a server that nobody will finish: it goes, with what it was being made of.

Done by the delete of its server and, where no delete knows of it, by the conductors' rounds. The
token of its user may be gone, so it is done as the service.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from oslo_log import log as logging

from nova_mini import exception, service_auth
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.trace import traced
from nova_mini.volume import creation

LOG = logging.getLogger(__name__)


@traced
def discard(
    image_id: str, image_api, get_volume_api: Callable, discard_copy: Callable[[], None]
) -> bool:
    """Whether it had to go: one that was finished after all stays.

    ``discard_copy()`` removes what a host has of it in a shared storage. The record goes last, so
    that who dies in between is followed by another. Raises what these and Glance and Cinder raise.
    """
    context = get_admin_context()
    # Its user may have deleted it already, but not what it was being made of.
    with contextlib.suppress(exception.ImageNotFound):
        if image_api.get(context, image_id).status == "active":
            return False
    LOG.warning("Nobody will finish image %s: it is deleted", image_id)
    discard_copy()
    if service_auth.is_configured("cinder"):
        _delete_volume_snapshots(get_volume_api(), context, image_id)
    image_api.delete(context, image_id)
    return True


def _delete_volume_snapshots(volume_api, context, image_id: str) -> None:
    """Until they are gone: a volume that has one cannot be deleted."""
    made = volume_api.snapshots_made_for(context, image_id)
    for snapshot in made:
        creation.discard_snapshot(context, volume_api, snapshot)
    for _ in range(CONF.cinder.block_device_allocate_retries):
        if not volume_api.snapshots_made_for(context, image_id):
            return
        time.sleep(CONF.cinder.block_device_allocate_retries_interval)
    raise exception.InvalidVolume(reason=f"the snapshots for image {image_id} are not deleted")
