"""Make a backup of a server: an image, of which only the newest ones are kept."""

from __future__ import annotations

import logging

from nova_mini import exception
from nova_mini.actions.parameters import BackupParameters
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import snapshot
from nova_mini.external.snapshot_record import BACKUP_PROPERTIES
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)


@traced("backup")
def backup(op: HostOperation, parameters: BackupParameters) -> None:
    """Fill the image, which is queued in Glance, then delete the backups that are too old.
    Idempotent."""
    snapshot.snapshot(op, parameters.image_id)
    _rotate(op, parameters)


@traced("_rotate_backups")
def _rotate(op: HostOperation, parameters: BackupParameters) -> None:
    """Delete all but the newest ``rotation`` backups of this server and type.

    The backup was made, so it is no failure when an old one cannot be deleted now: the next
    rotation deletes it.
    """
    try:
        old = _backups_too_many(op, parameters)
    except exception.NovaException as exc:
        LOG.warning("Instance %s: could not list its backups: %s", op.instance.uuid, exc)
        return
    for image_id in old:
        try:
            op.host.image_api.delete(op.context, image_id)
        except exception.NovaException as exc:
            LOG.warning("Image %s: could not delete the old backup: %s", image_id, exc)


def _backups_too_many(op: HostOperation, parameters: BackupParameters) -> list[str]:
    """The ids of the images to delete. The new image is the newest, whatever the times of the
    others are.

    Others may make images with the same properties, so they must have the owner of the new one.
    """
    new = op.host.image_api.get(op.context, parameters.image_id)
    alike = op.host.image_api.list_alike(op.context, new, BACKUP_PROPERTIES)
    others = [str(image.id) for image in alike if image.id != new.id]
    if not parameters.rotation:
        return [*others, parameters.image_id]
    return others[parameters.rotation - 1 :]
