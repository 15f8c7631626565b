"""Images of servers that nobody will finish: the server is gone, or who made the image gave up.

In Glance they would stay queued for ever, and beside them what they were being made of: snapshots
of volumes, a copy of the disk in Ceph.
"""

from __future__ import annotations

import datetime
import functools
import logging
from typing import NamedTuple

import oslo_messaging as messaging

from nova_mini import db, exception, service_auth
from nova_mini.compute import rpcapi as compute_rpcapi
from nova_mini.compute import unfinished_images
from nova_mini.compute.snapshot_request import image_id_of
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.image import glance
from nova_mini.objects.service import ServiceList

LOG = logging.getLogger(__name__)

_ERRORS = (exception.NovaException, messaging.MessagingException)


class UnfinishedImage(NamedTuple):
    """``since``: UTC, when the action that made it ended."""

    id: str
    instance_uuid: str
    since: datetime.datetime


def discard_all() -> None:
    """For the conductors' rounds. One that cannot go now does not keep the others."""
    if not service_auth.is_configured("glance"):
        return
    try:
        found = find()
    except exception.NovaException as exc:
        LOG.warning("Cannot look for images that nobody finishes: %s", exc)
        return
    for image in found:
        try:
            discard(image)
        except _ERRORS as exc:
            LOG.warning("Image %s, which nobody finishes, stays for now: %s", image.id, exc)


def find() -> list[UnfinishedImage]:
    """Those that an action of ours was to make that is over. Raises what Glance raises.

    An image is ours by its id, which follows from the action: whatever else users upload, with
    whatever properties, is never taken for one.
    """
    claimed = {
        image.id: image.properties["instance_uuid"]
        for image in glance.API().list_unfinished(get_admin_context())
        if "instance_uuid" in image.properties
    }
    if not claimed:
        return []
    ours = [
        UnfinishedImage(
            image_id_of(row["instance_uuid"], row["request_id"]),
            row["instance_uuid"],
            row["finish_time"],
        )
        for row in db.actions.get_of_kinds(set(claimed.values()), ["createImage", "shelve"])
        if row["finish_time"] is not None
    ]
    return [image for image in ours if image.id in claimed]


def discard(found: UnfinishedImage) -> None:
    """Its action was seen to be over, so if it is not active now, it never will be. The history of
    the server tells of it. Raises what Glance, Cinder and the host raise, and MessagingTimeout."""
    server = db.instances.get_by_uuid(found.instance_uuid, read_deleted=True)
    if _discard(found.id, server["host"], server["image_ref"]):
        details = f"Its image {found.id} was never finished; it is deleted."
        db.recoveries.record_for_server(
            found.instance_uuid, db.recoveries.LEFTOVER, CONF.host, details
        )


def discard_of_deleted(instance, image_ids: list[str]) -> None:
    """Those that a server's delete has cut off. What cannot go now is left to the rounds."""
    for image_id in image_ids:
        try:
            _discard(image_id, instance.host, instance.image_ref)
        except _ERRORS as exc:
            LOG.warning("Image %s, which nobody finishes, stays for now: %s", image_id, exc)


def _discard(image_id: str, host: str | None, base_image_id: str | None) -> bool:
    discard_copy = functools.partial(_discard_copy, image_id, host, base_image_id)
    return unfinished_images.discard(image_id, glance.API(), _volume_api, discard_copy)


def _discard_copy(image_id: str, host: str | None, base_image_id: str | None) -> None:
    """By the server's host; where that is down, by another one, which may reach the same storage.
    With none at all it goes on without: files of a host go when its compute starts."""
    if host is None or not base_image_id:
        return
    context = get_admin_context()
    services = ServiceList.get_all(context, binary="nova-mini-compute")
    alive = [service.host for service in services if service.is_alive]
    hosts = sorted(alive, key=lambda other: other != host)
    if hosts:
        compute_rpcapi.ComputeAPI().discard_copy(
            context, hosts[0], image_id, base_image_id=base_image_id
        )


def _volume_api():
    # Loaded when it is needed: its client takes memory that conductors can do without.
    from nova_mini.volume import cinder

    return cinder.API()
