"""Discards unfinished images: images of servers that no action will finish any more.

Without it, they would stay queued in Glance for ever, and with them the data of which they were
made: snapshots of volumes, a copy of the disk in Ceph.
"""

from __future__ import annotations

import datetime
import functools
import logging
from typing import TYPE_CHECKING, NamedTuple

import oslo_messaging as messaging

from nova_mini import db, exception, service_auth
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.external import unfinished_images
from nova_mini.external.snapshot_record import image_id_of
from nova_mini.image import glance
from nova_mini.objects.instance import Instance
from nova_mini.objects.service import ServiceList
from nova_mini.rpcapi import compute as compute_rpcapi

if TYPE_CHECKING:
    from nova_mini.volume import cinder

LOG = logging.getLogger(__name__)

_KINDS = ["createImage", "createBackup", "shelve"]
_ERRORS = (exception.NovaException, messaging.MessagingException)


class UnfinishedImage(NamedTuple):
    """``since``: UTC, when the action that made it ended."""

    id: str
    instance_uuid: str
    since: datetime.datetime


def discard_all() -> None:
    """Discard all unfinished images; failures are logged. A periodic task of the conductors."""
    if not service_auth.is_configured("glance"):
        return
    try:
        found = find()
    except exception.NovaException as exc:
        LOG.warning("Unfinished images: could not list them: %s", exc)
        return
    for image in found:
        try:
            discard(image)
        except _ERRORS as exc:
            LOG.warning("Image %s: could not discard the unfinished image: %s", image.id, exc)


def find() -> list[UnfinishedImage]:
    """Return the unfinished images whose action has ended. Raises the errors of Glance.

    The id of such an image follows from its action. Images of users are never included, whatever
    properties they have.
    """
    candidates = {
        image.id: image.properties["instance_uuid"]
        for image in glance.API().list_unfinished(get_admin_context())
        if "instance_uuid" in image.properties
    }
    if not candidates:
        return []
    made_by_actions = [
        UnfinishedImage(
            image_id_of(row["instance_uuid"], row["request_id"]),
            row["instance_uuid"],
            row["finish_time"],
        )
        for row in db.actions.get_of_kinds(set(candidates.values()), _KINDS)
        if row["finish_time"] is not None
    ]
    return [image for image in made_by_actions if image.id in candidates]


def discard(found: UnfinishedImage) -> None:
    """Discard an image that :func:`find` returned, and record it in the server's history.

    Its action has ended, so an image that is not active now never will be. Raises the errors of
    Glance, Cinder and the host, and MessagingTimeout.
    """
    server = db.instances.get_by_uuid(found.instance_uuid, read_deleted=True)
    if _discard(found.id, server["host"], server["image_ref"]):
        details = f"The unfinished image {found.id} of the server was deleted."
        db.recoveries.record_for_server(
            found.instance_uuid, db.recoveries.ORPHAN_REMOVED, CONF.host, details
        )


def discard_of_deleted(instance: Instance, image_ids: list[str]) -> None:
    """Discard the images that a delete interrupted. The periodic task retries after an error."""
    for image_id in image_ids:
        try:
            _discard(image_id, instance.host, instance.image_ref)
        except _ERRORS as exc:
            LOG.warning("Image %s: could not discard the unfinished image: %s", image_id, exc)


def _discard(image_id: str, host: str | None, base_image_id: str | None) -> bool:
    discard_copy = functools.partial(_discard_copy, image_id, host, base_image_id)
    return unfinished_images.discard(image_id, glance.API(), _volume_api, discard_copy)


def _discard_copy(image_id: str, host: str | None, base_image_id: str | None) -> None:
    """Call the server's host or, if it is down, another host, which may use the same storage.

    Does nothing if no host is alive: a compute removes files of its host when it starts.
    """
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


def _volume_api() -> cinder.API:
    # Imported late: the client needs memory, and most conductors never use it.
    from nova_mini.volume import cinder

    return cinder.API()
