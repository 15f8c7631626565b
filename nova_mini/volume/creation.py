"""Wait for volumes and snapshots that Cinder is creating, and delete them in any state.

Cinder stores the record of a new volume before it sends a message to the service that creates it.
If that message is lost, the volume stays in the status ``creating`` until Cinder is restarted, and
Cinder deletes it only by force.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from oslo_utils import timeutils

from nova_mini import exception
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.volume.cinder import API, Snapshot, Volume

LOG = logging.getLogger(__name__)

USABLE = ("available", "reserved", "in-use")
# In the first status it is not known whether any service has begun to create the volume.
_CREATING, _DOWNLOADING = "creating", "downloading"
# How often the status of a volume is read before its deletion is postponed.
_RETRIES_BEFORE_DELETE = 10


def has_timed_out(created: Volume | Snapshot) -> bool:
    """Whether the request to create the volume or snapshot counts as lost: its status is
    ``creating`` for longer than ``[cinder] volume_creating_timeout`` seconds."""
    timeout = CONF.cinder.volume_creating_timeout
    return created.status == _CREATING and timeutils.is_older_than(created.created_at, timeout)


def wait_for_creation(
    context: RequestContext,
    volume_api: API,
    volume: Volume,
    retries: int,
    check: Callable[[], None] = lambda: None,
) -> Volume:
    """Wait until Cinder has created the volume or failed, or the request counts as lost; returns
    the volume's last state. After ``retries`` it may still be in creation. ``check()`` is called
    before each retry and may raise an exception."""
    for _ in range(retries):
        if not _is_being_created(volume) or has_timed_out(volume):
            break
        time.sleep(CONF.cinder.block_device_allocate_retries_interval)
        check()
        volume = volume_api.get(context, volume.id)
    return volume


def discard(context: RequestContext, volume_api: API, volume_id: str) -> None:
    """Delete a volume that was created for a server, in any state. Idempotent.

    Raises ActionInterrupted if Cinder is still creating it, and InvalidVolume when Cinder refuses
    (the volume has snapshots).
    """
    try:
        volume_api.delete(context, volume_id)
    except exception.InvalidVolume:
        with contextlib.suppress(exception.VolumeNotFound):
            _discard_after_creation(context, volume_api, volume_api.get(context, volume_id))


def _discard_after_creation(context: RequestContext, volume_api: API, volume: Volume) -> None:
    volume = wait_for_creation(context, volume_api, volume, _RETRIES_BEFORE_DELETE)
    if has_timed_out(volume):
        LOG.warning("Volume %s: was not created in time, deleting it by force", volume.id)
        volume_api.delete(context, volume.id, force=True)
    elif _is_being_created(volume):
        raise exception.ActionInterrupted(reason=f"volume {volume.id} is still being created")
    else:
        volume_api.delete(context, volume.id)


def _is_being_created(volume: Volume) -> bool:
    return volume.status in (_CREATING, _DOWNLOADING)


def discard_snapshot(context: RequestContext, volume_api: API, snapshot: Snapshot) -> None:
    """Delete a snapshot. Raises InvalidVolume when Cinder refuses or is still creating it."""
    try:
        volume_api.delete_snapshot(context, snapshot.id)
    except exception.InvalidVolume:
        if not has_timed_out(snapshot):
            raise
        LOG.warning("Snapshot %s: was not created in time, deleting it by force", snapshot.id)
        volume_api.delete_snapshot(context, snapshot.id, force=True)
