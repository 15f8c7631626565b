"""Discards an unfinished image of a server, with the snapshots from which it was made.

Called by the delete of the server and by a periodic task of the conductors. Uses the service's own
credentials, because the user's token may not be available any more.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from oslo_log import log as logging

from nova_mini import exception, service_auth
from nova_mini.conf import CONF
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.image import glance
from nova_mini.trace import traced
from nova_mini.volume import creation

if TYPE_CHECKING:  # its client needs memory
    from nova_mini.volume import cinder

LOG = logging.getLogger(__name__)


@traced("discard")
def discard(
    image_id: str,
    image_api: glance.API,
    get_volume_api: Callable[[], cinder.API],
    discard_copy: Callable[[], None],
) -> bool:
    """Discard the image unless it is active. Returns whether it was discarded.

    ``discard_copy()`` removes the data of the image from shared storage. The record is deleted
    last, so that a discard that was interrupted is repeated. Raises the errors of
    ``discard_copy``, Glance and Cinder.
    """
    context = get_admin_context()
    # If its user has deleted the image already, its snapshots may still exist.
    with contextlib.suppress(exception.ImageNotFound):
        if image_api.get(context, image_id).status == "active":
            return False
    LOG.warning("Image %s: discarding it, because no action will finish it", image_id)
    discard_copy()
    if service_auth.is_configured("cinder"):
        _delete_volume_snapshots(get_volume_api(), context, image_id)
    image_api.delete(context, image_id)
    return True


def _delete_volume_snapshots(
    volume_api: cinder.API, context: RequestContext, image_id: str
) -> None:
    """Delete the snapshots and wait, because a volume with snapshots cannot be deleted."""
    snapshots = volume_api.snapshots_of_image(context, image_id)
    for snapshot in snapshots:
        creation.discard_snapshot(context, volume_api, snapshot)
    for _ in range(CONF.cinder.block_device_allocate_retries):
        if not volume_api.snapshots_of_image(context, image_id):
            return
        time.sleep(CONF.cinder.block_device_allocate_retries_interval)
    raise exception.InvalidVolume(
        reason=f"the snapshots for image {image_id} are still being deleted"
    )
