"""Compare Cinder's attachments with the records of the servers' disks."""

from __future__ import annotations

import datetime
import functools

from nova_mini import db, exception
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.doctor.finding import Finding
from nova_mini.volume import cinder


def audit() -> list[Finding]:
    """Orphaned attachments (the server is deleted or has no such disk), and missing attachments."""
    attachments = cinder.API().list_attachments(get_admin_context())
    servers = {each.instance_uuid for each in attachments if each.instance_uuid}
    deleted_at = db.instance_deletion.get_deletion_times(servers)
    # Unfinished actions are read before the records of disks: what a finished action has attached
    # is in the records then.
    busy = db.actions.busy_among(servers)
    known = {row["attachment_id"]: row for row in db.block_device_mappings.get_attached()}
    found = [
        _orphan(each, deleted_at[each.instance_uuid])
        for each in attachments
        if each.instance_uuid in deleted_at
        and each.instance_uuid not in busy
        and each.id not in known
    ]
    ids = {each.id for each in attachments}
    missing = {row["instance_uuid"] for key, row in known.items() if key not in ids}
    busy = db.actions.busy_among(missing)
    return found + [
        _missing(row)
        for key, row in known.items()
        if key not in ids and row["instance_uuid"] not in busy
    ]


def _orphan(attachment: cinder.Attachment, deleted_at: datetime.datetime | None) -> Finding:
    """``deleted_at`` None: the server exists, but has no disk with this attachment."""
    state = "it is deleted" if deleted_at else "it has no such disk"
    return Finding(
        "orphaned-attachment",
        f"server {attachment.instance_uuid}",
        f"{state}, and Cinder has its attachment {attachment.id} of volume {attachment.volume_id}",
        deleted_at,
        "is deleted",
        functools.partial(_delete, attachment),
    )


def _delete(attachment: cinder.Attachment) -> None:
    """Raises Conflict when the attachment may be in use now."""
    uuid = attachment.instance_uuid
    if db.actions.busy_among([uuid]):
        raise exception.Conflict("the server has an unfinished action")
    disks = db.block_device_mappings.get_attached(of=uuid)
    if any(disk["attachment_id"] == attachment.id for disk in disks):
        raise exception.Conflict("the server has that disk now")
    cinder.API().attachment_delete(get_admin_context(), attachment.id)
    details = f"An orphaned attachment of volume {attachment.volume_id} was deleted from Cinder."
    db.recoveries.record_for_server(uuid, db.recoveries.ORPHAN_REMOVED, CONF.host, details)


def _missing(row) -> Finding:
    return Finding(
        "missing-attachment",
        f"server {row['instance_uuid']}",
        f"Cinder has no attachment {row['attachment_id']} of its volume {row['volume_id']}",
        row["updated_at"] or row["created_at"],
    )
