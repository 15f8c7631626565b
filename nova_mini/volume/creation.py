"""Volumes and snapshots that are being made, until Cinder is done or has lost their order.

Cinder records what is asked for before it tells a service of its own to make it. An order that is
lost with a broker or a database in between leaves the record in ``creating`` until Cinder is
started again, and as long as it is in that state Cinder deletes it by force alone.
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
# Nothing is heard of the first but that it was asked for.
_CREATING, _DOWNLOADING = "creating", "downloading"
# Looks at a volume that is still being made, before who wants to delete it comes again later.
_LOOKS_BEFORE_DELETE = 10


def is_lost(ordered: Volume | Snapshot) -> bool:
    """Whether its order was lost, as far as waiting can tell."""
    patience = CONF.cinder.volume_creating_timeout
    return ordered.status == _CREATING and timeutils.is_older_than(ordered.created_at, patience)


def await_made(
    context: RequestContext,
    volume_api: API,
    volume: Volume,
    looks: int,
    check: Callable[[], None] = lambda: None,
) -> Volume:
    """The volume as it is when Cinder has made it, or failed to, or lost its order; after so many
    ``looks`` it may still be at work. ``check()`` may raise before each."""
    for _ in range(looks):
        if not _is_being_made(volume) or is_lost(volume):
            break
        time.sleep(CONF.cinder.block_device_allocate_retries_interval)
        check()
        volume = volume_api.get(context, volume.id)
    return volume


def discard(context: RequestContext, volume_api: API, volume_id: str) -> None:
    """Delete a volume that was made for a server, in whatever state; it may be gone.

    Raises ActionInterrupted while Cinder is still at work with it, and InvalidVolume when it
    refuses (the volume has snapshots).
    """
    try:
        volume_api.delete(context, volume_id)
    except exception.InvalidVolume:
        with contextlib.suppress(exception.VolumeNotFound):
            _discard_when_made(context, volume_api, volume_api.get(context, volume_id))


def _discard_when_made(context, volume_api, volume: Volume) -> None:
    volume = await_made(context, volume_api, volume, _LOOKS_BEFORE_DELETE)
    if is_lost(volume):
        LOG.warning("Volume %s was never made: it is deleted by force", volume.id)
        volume_api.delete(context, volume.id, force=True)
    elif _is_being_made(volume):
        raise exception.ActionInterrupted(reason=f"volume {volume.id} is still being made")
    else:
        volume_api.delete(context, volume.id)


def _is_being_made(volume: Volume) -> bool:
    return volume.status in (_CREATING, _DOWNLOADING)


def discard_snapshot(context: RequestContext, volume_api: API, snapshot: Snapshot) -> None:
    """Raises InvalidVolume when Cinder refuses, and while it is still at work with it."""
    try:
        volume_api.delete_snapshot(context, snapshot.id)
    except exception.InvalidVolume:
        if not is_lost(snapshot):
            raise
        LOG.warning("Snapshot %s was never made: it is deleted by force", snapshot.id)
        volume_api.delete_snapshot(context, snapshot.id, force=True)
