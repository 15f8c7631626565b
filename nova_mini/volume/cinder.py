"""What is asked of the volume service, in plain values of ours."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

from oslo_utils import timeutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.volume.client import REIMAGE, client, translated

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

_PAGE = 1000
# Metadata of a volume that we made: the mapping that it was made for.
MADE_FOR = "nova_mini_block_device_mapping"
# And of a snapshot: the image.
MADE_FOR_IMAGE = "nova_mini_image"


@dataclasses.dataclass(frozen=True)
class Volume:
    """``size`` in GiB; ``created_at`` in UTC, without a zone; ``attachments``: instance uuid ->
    its attachment's id; ``image_metadata``: of the image that it was made from;
    ``migration_status`` is told to the service alone."""

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
    """``size`` in GiB; ``created_at`` as a volume's."""

    id: str
    status: str
    size: int
    created_at: datetime.datetime
    volume_id: str


@dataclasses.dataclass(frozen=True)
class Attachment:
    """``connection_info`` is empty until a connector was given; it may hold secrets."""

    id: str
    volume_id: str
    instance_uuid: str | None
    status: str
    connection_info: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


class API:
    """For any number of threads. Raises CinderConnectionFailed when the outcome is not known,
    VolumeAccessDenied, InvalidVolume (with Cinder's sentence) and what each method says.

    Requests that may be repeated are, when the connection fails; those that make something are
    not, and their callers look for what a lost answer may have made.
    """

    # -- volumes ---------------------------------------------------------------------------------

    def get(self, context: RequestContext, volume_id: str, *, as_service: bool = False) -> Volume:
        """Raises VolumeNotFound."""
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            return _volume(client(context, as_service=as_service).volumes.get(volume_id))

    def find_made_for(self, context: RequestContext, mapping_uuid: str) -> Volume | None:
        """The volume that an earlier attempt made for this mapping, and that is not on its way out
        again; asked as the service."""
        wanted = {"all_tenants": 1, "metadata": {MADE_FOR: mapping_uuid}}
        with translated():
            found = client(context, as_service=True).volumes.list(search_opts=wanted)
        return next((_volume(each) for each in found if each.status != "deleting"), None)

    @traced
    def create(
        self,
        context: RequestContext,
        size: int,
        *,
        made_for: str,
        snapshot_id: str | None = None,
        image_id: str | None = None,
        volume_type: str | None = None,
        availability_zone: str | None = None,
    ) -> Volume:
        """A new volume of the context's user. Raises VolumeQuotaExceeded."""
        with translated():
            made = client(context, repeat=False).volumes.create(
                size,
                name="",
                description="",
                snapshot_id=snapshot_id,
                imageRef=image_id,
                volume_type=volume_type,
                availability_zone=availability_zone,
                metadata={MADE_FOR: made_for},
            )
        return _volume(made)

    @traced
    def delete(self, context: RequestContext, volume_id: str, *, force: bool = False) -> None:
        """No such volume is fine. ``force``: in whatever state, asked as the service."""
        with (
            contextlib.suppress(exception.VolumeNotFound),
            translated(exception.VolumeNotFound(volume_id=volume_id), volume_id),
        ):
            volumes = client(context, as_service=force).volumes
            (volumes.force_delete if force else volumes.delete)(volume_id)

    @traced
    def begin_detaching(self, context: RequestContext, volume_id: str) -> None:
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            client(context, repeat=False).volumes.begin_detaching(volume_id)

    @traced
    def roll_detaching(self, context: RequestContext, volume_id: str) -> None:
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            client(context).volumes.roll_detaching(volume_id)

    @traced
    def migrate_volume_completion(
        self, context: RequestContext, old_volume_id: str, new_volume_id: str, error: bool
    ) -> None:
        """Cinder moves a volume, and its server uses the new place now (``error``: it cannot)."""
        with translated(exception.VolumeNotFound(volume_id=old_volume_id), old_volume_id):
            asked = client(context, as_service=True, repeat=False)
            asked.volumes.migrate_volume_completion(old_volume_id, new_volume_id, error)

    @traced
    def reimage(self, context: RequestContext, volume_id: str, image_id: str) -> None:
        """Give a reserved volume the content of an image, losing its own; Cinder sends the event
        volume-reimaged when it is done."""
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            asked = client(context, repeat=False, version=REIMAGE)
            asked.volumes.reimage(volume_id, image_id, reimage_reserved=True)

    def get_snapshot(self, context: RequestContext, snapshot_id: str) -> Snapshot:
        """Raises SnapshotNotFound."""
        with translated(exception.SnapshotNotFound(snapshot_id=snapshot_id)):
            found = client(context).volume_snapshots.get(snapshot_id)
        return _snapshot(found)

    @traced
    def create_snapshot(
        self, context: RequestContext, volume_id: str, name: str, *, made_for: str
    ) -> Snapshot:
        """Also of a volume in use, as it is at one moment; ``made_for``: id of the image that will
        name it. Raises VolumeQuotaExceeded."""
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            made = client(context, repeat=False).volume_snapshots.create(
                volume_id, force=True, name=name, metadata={MADE_FOR_IMAGE: made_for}
            )
        return _snapshot(made)

    def snapshots_made_for(self, context: RequestContext, image_id: str) -> list[Snapshot]:
        """What an earlier attempt made; asked as the service."""
        wanted = {"all_tenants": 1, "metadata": {MADE_FOR_IMAGE: image_id}}
        with translated():
            found = client(context, as_service=True).volume_snapshots.list(search_opts=wanted)
        return [_snapshot(each) for each in found]

    def delete_snapshot(
        self, context: RequestContext, snapshot_id: str, *, force: bool = False
    ) -> None:
        """No such snapshot is fine. ``force``: in whatever state, asked as the service."""
        missing = exception.SnapshotNotFound(snapshot_id=snapshot_id)
        with contextlib.suppress(exception.SnapshotNotFound), translated(missing):
            client(context, as_service=force).volume_snapshots.delete(snapshot_id, force=force)

    # -- attachments -----------------------------------------------------------------------------

    @traced
    def attachment_create(
        self, context: RequestContext, volume_id: str, instance_uuid: str
    ) -> Attachment:
        """Reserve a volume for a server: nobody else can have it (but for multiattach)."""
        with translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            made = client(context, repeat=False).attachments.create(volume_id, None, instance_uuid)
        return _attachment(made)

    def attachment_get(self, context: RequestContext, attachment_id: str) -> Attachment:
        """Raises VolumeAttachmentNotFound."""
        with translated(_no_attachment(attachment_id)):
            return _attachment(client(context).attachments.show(attachment_id).to_dict())

    @traced
    def attachment_update(
        self, context: RequestContext, attachment_id: str, connector: dict, mountpoint: str
    ) -> Attachment:
        """Tell Cinder who connects; its answer says how. Raises VolumeAttachmentNotFound."""
        connector = {**connector, "mountpoint": mountpoint}
        with translated(_no_attachment(attachment_id)):
            updated = client(context).attachments.update(attachment_id, connector)
        return _attachment(updated.to_dict())

    @traced
    def attachment_complete(self, context: RequestContext, attachment_id: str) -> None:
        """The volume is in use now. Raises VolumeAttachmentNotFound."""
        with translated(_no_attachment(attachment_id)):
            client(context).attachments.complete(attachment_id)

    @traced
    def attachment_delete(self, context: RequestContext, attachment_id: str) -> None:
        """No such attachment is fine."""
        missing = _no_attachment(attachment_id)
        with contextlib.suppress(exception.VolumeAttachmentNotFound), translated(missing):
            client(context).attachments.delete(attachment_id)

    def attachments_of(self, context: RequestContext, instance_uuid: str) -> list[Attachment]:
        """Every attachment that Cinder has for a server, also those whose making was never told
        to us; asked as the service."""
        wanted = {"all_tenants": 1, "instance_id": instance_uuid}
        with translated():
            found = client(context, as_service=True).attachments.list(search_opts=wanted)
        return [_attachment(each.to_dict()) for each in found]

    def list_attachments(self, context: RequestContext) -> list[Attachment]:
        """Every attachment there is, of whatever cloud, without how it connects; asked as the
        service, a page at a time."""
        found: list[Attachment] = []
        with translated():
            asked = client(context, as_service=True)
            while page := asked.attachments.list(
                search_opts={"all_tenants": 1},
                limit=_PAGE,
                marker=found[-1].id if found else None,
                sort="id:asc",
            ):
                found += [_attachment(each.to_dict()) for each in page]
        return found


# -- rules ---------------------------------------------------------------------------------------


def check_attach(volume: Volume, instance_zone: str | None) -> None:
    """Whether a volume can be attached to one server more.

    Raises InvalidVolume, VolumeEncryptionNotSupported. Cinder checks again when it reserves.
    """
    if volume.encrypted:
        raise exception.VolumeEncryptionNotSupported(volume_id=volume.id)
    usable = ("available", "in-use") if volume.multiattach else ("available",)
    if volume.status not in usable:
        raise exception.InvalidVolume(
            reason=f"volume '{volume.id}' status must be {' or '.join(usable)}. "
            f"Currently in '{volume.status}' status"
        )
    if not CONF.cinder.cross_az_attach and instance_zone != volume.availability_zone:
        raise exception.InvalidVolume(
            reason=f"the server is in zone {instance_zone} and volume '{volume.id}' in zone "
            f"{volume.availability_zone}; take a volume of the server's zone"
        )


# -- what it answers ----------------------------------------------------------------------------


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
    """``connection_info`` as connectors take it: what is not the kind of connection is its data."""
    told = dict(record.get("connection_info") or {})
    told.pop("connector", None)
    kind = told.pop("driver_volume_type", None)
    return Attachment(
        id=record["id"],
        volume_id=record["volume_id"],
        instance_uuid=record["instance"],
        status=record["status"],
        connection_info={"driver_volume_type": kind, "data": told} if kind else {},
    )


def _no_attachment(attachment_id: str) -> exception.NovaException:
    return exception.VolumeAttachmentNotFound(attachment_id=attachment_id)
