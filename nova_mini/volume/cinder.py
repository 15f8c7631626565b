"""Client of the volume service."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

from oslo_utils import timeutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.volume import encryption
from nova_mini.volume.client import REIMAGE, client, translated
from nova_mini.volume.connection_info import ConnectionInfo, VolumeEncryption

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

_PAGE = 1000
# Metadata key of a volume that nova_mini created; the value is the uuid of its mapping.
_MAPPING_KEY = "nova_mini_block_device_mapping"
# Metadata key of a snapshot that nova_mini created; the value is the id of its image.
_IMAGE_KEY = "nova_mini_image"


@dataclasses.dataclass(frozen=True)
class Volume:
    """``size`` is in GiB, ``created_at`` in UTC without a time zone. ``attachments``: instance uuid
    -> attachment id. ``image_metadata``: that of the image from which the volume was made.
    ``migration_status``: only if the volume was read with the service's credentials."""

    id: str
    status: str
    size: int
    created_at: datetime.datetime
    availability_zone: str | None = None
    multiattach: bool = False
    readonly: bool = False
    bootable: bool = False
    encrypted: bool = False
    attachments: dict[str, str] = dataclasses.field(default_factory=dict)
    image_metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    migration_status: str | None = None


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """``size`` is in GiB, ``created_at`` in UTC without a time zone."""

    id: str
    status: str
    size: int
    created_at: datetime.datetime
    volume_id: str


@dataclasses.dataclass(frozen=True)
class Attachment:
    """``connection_info`` is empty until Cinder has the host's connector; it may hold secrets."""

    id: str
    volume_id: str
    instance_uuid: str | None
    status: str
    connection_info: ConnectionInfo = dataclasses.field(default_factory=ConnectionInfo, repr=False)


class API:
    """Thread-safe. All methods raise CinderConnectionFailed when the outcome is not known,
    VolumeAccessDenied, and InvalidVolume with Cinder's message.

    Requests that can be repeated safely are retried when the connection fails. Requests that create
    something are not retried: after a lost answer, callers look for the object.
    """

    # -- volumes ---------------------------------------------------------------------------------

    def get(self, context: RequestContext, volume_id: str, *, as_service: bool = False) -> Volume:
        """Raises VolumeNotFound."""
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            return _volume(client(context, as_service=as_service).volumes.get(volume_id))

    def get_encryption(self, context: RequestContext, volume_id: str) -> VolumeEncryption:
        """The encryption of an encrypted volume. Raises VolumeNotFound, and
        VolumeEncryptionNotSupported if no host can serve it."""
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            found = client(context).volumes.get_encryption_metadata(volume_id)
        return encryption.parse(volume_id, found)

    def find_by_mapping(self, context: RequestContext, mapping_uuid: str) -> Volume | None:
        """The volume that an earlier attempt created for this mapping and that is not being
        deleted; None if there is none. Uses the service's credentials."""
        filters = {"all_tenants": 1, "metadata": {_MAPPING_KEY: mapping_uuid}}
        with translated():
            found = client(context, as_service=True).volumes.list(search_opts=filters)
        return next((_volume(each) for each in found if each.status != "deleting"), None)

    @traced("API.create")
    def create(
        self,
        context: RequestContext,
        size: int,
        *,
        mapping_uuid: str,
        snapshot_id: str | None = None,
        image_id: str | None = None,
        volume_type: str | None = None,
        availability_zone: str | None = None,
    ) -> Volume:
        """Create a volume with the context's token. ``mapping_uuid``: of its mapping;
        see :meth:`find_by_mapping`. Raises VolumeQuotaExceeded."""
        with translated():
            created = client(context, repeat=False).volumes.create(
                size,
                name="",
                description="",
                snapshot_id=snapshot_id,
                imageRef=image_id,
                volume_type=volume_type,
                availability_zone=availability_zone,
                metadata={_MAPPING_KEY: mapping_uuid},
            )
        return _volume(created)

    @traced("API.delete")
    def delete(self, context: RequestContext, volume_id: str, *, force: bool = False) -> None:
        """Idempotent. ``force``: in any state, with the service's credentials."""
        with (
            contextlib.suppress(exception.VolumeNotFound),
            translated(exception.VolumeNotFound(volume_id=volume_id), volume_id),
        ):
            volumes = client(context, as_service=force).volumes
            (volumes.force_delete if force else volumes.delete)(volume_id)

    @traced("API.begin_detaching")
    def begin_detaching(self, context: RequestContext, volume_id: str) -> None:
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            client(context, repeat=False).volumes.begin_detaching(volume_id)

    @traced("API.roll_detaching")
    def roll_detaching(self, context: RequestContext, volume_id: str) -> None:
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            client(context).volumes.roll_detaching(volume_id)

    @traced("API.migrate_volume_completion")
    def migrate_volume_completion(
        self, context: RequestContext, old_volume_id: str, new_volume_id: str, error: bool
    ) -> None:
        """Complete Cinder's migration of a volume: its server uses the new volume now (``error``:
        the swap failed)."""
        with translated(exception.VolumeNotFound(volume_id=old_volume_id), old_volume_id):
            cinder = client(context, as_service=True, repeat=False)
            cinder.volumes.migrate_volume_completion(old_volume_id, new_volume_id, error)

    @traced("API.reimage")
    def reimage(self, context: RequestContext, volume_id: str, image_id: str) -> None:
        """Replace the content of a reserved volume by an image. Cinder sends the event
        volume-reimaged when it is done."""
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            cinder = client(context, repeat=False, version=REIMAGE)
            cinder.volumes.reimage(volume_id, image_id, reimage_reserved=True)

    def get_snapshot(self, context: RequestContext, snapshot_id: str) -> Snapshot:
        """Raises SnapshotNotFound."""
        with translated(exception.SnapshotNotFound(snapshot_id=snapshot_id)):
            found = client(context).volume_snapshots.get(snapshot_id)
        return _snapshot(found)

    @traced("API.create_snapshot")
    def create_snapshot(
        self, context: RequestContext, volume_id: str, name: str, *, image_id: str
    ) -> Snapshot:
        """Create a snapshot of a volume, which may be in use. ``image_id``: of the image that
        will refer to it; see :meth:`snapshots_of_image`. Raises VolumeQuotaExceeded."""
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            created = client(context, repeat=False).volume_snapshots.create(
                volume_id, force=True, name=name, metadata={_IMAGE_KEY: image_id}
            )
        return _snapshot(created)

    def snapshots_of_image(self, context: RequestContext, image_id: str) -> list[Snapshot]:
        """The snapshots that earlier attempts created for an image. Uses the service's
        credentials."""
        filters = {"all_tenants": 1, "metadata": {_IMAGE_KEY: image_id}}
        with translated():
            found = client(context, as_service=True).volume_snapshots.list(search_opts=filters)
        return [_snapshot(each) for each in found]

    def delete_snapshot(
        self, context: RequestContext, snapshot_id: str, *, force: bool = False
    ) -> None:
        """Idempotent. ``force``: in any state, with the service's credentials."""
        missing = exception.SnapshotNotFound(snapshot_id=snapshot_id)
        with contextlib.suppress(exception.SnapshotNotFound), translated(missing):
            client(context, as_service=force).volume_snapshots.delete(snapshot_id, force=force)

    def set_snapshot_status(self, context: RequestContext, snapshot_id: str, status: str) -> None:
        """Tell Cinder what became of a snapshot that it has requested. Raises SnapshotNotFound."""
        with translated(exception.SnapshotNotFound(snapshot_id=snapshot_id)):
            snapshots = client(context, as_service=True).volume_snapshots
            snapshots.update_snapshot_status(snapshot_id, {"status": status, "progress": "90%"})

    # -- attachments -----------------------------------------------------------------------------

    @traced("API.attachment_create")
    def attachment_create(
        self,
        context: RequestContext,
        volume_id: str,
        instance_uuid: str,
        connector: dict[str, Any] | None = None,
    ) -> Attachment:
        """Reserve a volume for a server: no other server can use it, unless it is multiattach.

        ``connector``: of a host, with the mountpoint: connect the volume to this second host of
        the server, which Cinder permits only in one request.
        """
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            attachments = client(context, repeat=False).attachments
            created = attachments.create(volume_id, connector, instance_uuid)
        return _attachment(created)

    def attachment_get(self, context: RequestContext, attachment_id: str) -> Attachment:
        """Raises VolumeAttachmentNotFound."""
        with translated(_no_attachment(attachment_id)):
            return _attachment(client(context).attachments.show(attachment_id).to_dict())

    @traced("API.attachment_update")
    def attachment_update(
        self,
        context: RequestContext,
        attachment_id: str,
        connector: dict[str, Any],
        mountpoint: str,
    ) -> Attachment:
        """Send the host's connector to Cinder; the result has the connection_info. Raises
        VolumeAttachmentNotFound."""
        connector = {**connector, "mountpoint": mountpoint}
        with translated(_no_attachment(attachment_id)):
            updated = client(context).attachments.update(attachment_id, connector)
        return _attachment(updated.to_dict())

    @traced("API.attachment_complete")
    def attachment_complete(self, context: RequestContext, attachment_id: str) -> None:
        """Mark the volume as in use. Raises VolumeAttachmentNotFound."""
        with translated(_no_attachment(attachment_id)):
            client(context).attachments.complete(attachment_id)

    @traced("API.attachment_delete")
    def attachment_delete(self, context: RequestContext, attachment_id: str) -> None:
        """Idempotent."""
        missing = _no_attachment(attachment_id)
        with contextlib.suppress(exception.VolumeAttachmentNotFound), translated(missing):
            client(context).attachments.delete(attachment_id)

    def attachments_of(self, context: RequestContext, instance_uuid: str) -> list[Attachment]:
        """Cinder's attachments of a server, including those that nova_mini has not stored because
        Cinder's answer was lost. Uses the service's credentials."""
        filters = {"all_tenants": 1, "instance_id": instance_uuid}
        with translated():
            found = client(context, as_service=True).attachments.list(search_opts=filters)
        return [_attachment(each.to_dict()) for each in found]

    def list_attachments(self, context: RequestContext) -> list[Attachment]:
        """All attachments in Cinder, including those of other clouds, without connection_info. Uses
        the service's credentials and reads page by page."""
        found: list[Attachment] = []
        with translated():
            cinder = client(context, as_service=True)
            while page := cinder.attachments.list(
                search_opts={"all_tenants": 1},
                limit=_PAGE,
                marker=found[-1].id if found else None,
                sort="id:asc",
            ):
                found += [_attachment(each.to_dict()) for each in page]
        return found


# -- rules ---------------------------------------------------------------------------------------


def check_attach(volume: Volume, instance_zone: str | None) -> None:
    """Check that a volume can be attached to another server in ``instance_zone``.

    Raises InvalidVolume, and VolumeEncryptionNotSupported for an encrypted volume in a cloud
    without a key manager; :meth:`API.get_encryption` checks the kind of its encryption. Cinder
    checks the status again when it reserves the volume.
    """
    if volume.encrypted:
        encryption.check_key_manager(volume.id)
    usable = ("available", "in-use") if volume.multiattach else ("available",)
    if volume.status not in usable:
        raise exception.InvalidVolume(
            reason=f"volume '{volume.id}' status must be {' or '.join(usable)}. "
            f"Currently in '{volume.status}' status"
        )
    if not CONF.cinder.cross_az_attach and instance_zone != volume.availability_zone:
        raise exception.InvalidVolume(
            reason=f"the server is in zone {instance_zone} and volume '{volume.id}' in zone "
            f"{volume.availability_zone}; use a volume of the server's zone"
        )


# -- Cinder's records ----------------------------------------------------------------------------


def _volume(found) -> Volume:
    record = found.to_dict()
    attachments = record.get("attachments") or []
    return Volume(
        id=record["id"],
        status=record["status"],
        size=record["size"],
        created_at=_created_at(record),
        availability_zone=record.get("availability_zone"),
        multiattach=bool(record.get("multiattach")),
        readonly=(record.get("metadata") or {}).get("readonly") == "True",
        bootable=record.get("bootable") == "true",
        encrypted=bool(record.get("encrypted")),
        attachments={each["server_id"]: each["attachment_id"] for each in attachments},
        image_metadata=record.get("volume_image_metadata") or {},
        metadata=record.get("metadata") or {},
        migration_status=record.get("migration_status"),
    )


def _snapshot(found) -> Snapshot:
    record = found.to_dict()
    return Snapshot(
        id=record["id"],
        status=record["status"],
        size=record["size"],
        created_at=_created_at(record),
        volume_id=record["volume_id"],
    )


def _created_at(record: dict[str, Any]) -> datetime.datetime:
    return timeutils.normalize_time(timeutils.parse_isotime(record["created_at"]))


def _attachment(record: dict[str, Any]) -> Attachment:
    """Convert a record. ``connection_info`` gets the form that connectors expect:
    ``driver_volume_type``, and everything else in ``data``."""
    data = dict(record.get("connection_info") or {})
    data.pop("connector", None)
    kind = data.pop("driver_volume_type", None)
    return Attachment(
        id=record["id"],
        volume_id=record["volume_id"],
        instance_uuid=record["instance"],
        status=record["status"],
        connection_info={"driver_volume_type": kind, "data": data} if kind else {},
    )


def _no_attachment(attachment_id: str) -> exception.NovaException:
    return exception.VolumeAttachmentNotFound(attachment_id=attachment_id)
